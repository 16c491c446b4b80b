//! A small HTTP server that answers with exactly the bytes a test gives it, for page formats and
//! JSON texts that the demo API does not have.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// A server on a port of its own; it ends with it.
pub struct PageServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// What a request's path with its query is answered with.
type Answer = Box<dyn Fn(&str) -> Vec<u8> + Send + Sync>;

struct Shared {
    answer: Answer,
    targets: Mutex<Vec<String>>,
    heads: Mutex<Vec<String>>,
    stopped: AtomicBool,
}

impl PageServer {
    /// `answer` gets a request's path with its query, and returns the body of a 200.
    pub fn start(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let (targets, heads) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
        let stopped = AtomicBool::new(false);
        let shared = Arc::new(Shared { answer: Box::new(answer), targets, heads, stopped });
        let acceptor = {
            let shared = shared.clone();
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    if shared.stopped.load(Ordering::SeqCst) {
                        return;
                    }
                    // A client that goes away in the middle of an answer is its own business.
                    let _ = stream.and_then(|stream| shared.serve(stream));
                }
            })
        };
        Self { address, shared, acceptor: Some(acceptor) }
    }

    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The path and query of each request so far, in order.
    pub fn targets(&self) -> Vec<String> {
        self.shared.targets.lock().expect("not poisoned").clone()
    }

    /// The whole head of each request so far, in order.
    pub fn heads(&self) -> Vec<String> {
        self.shared.heads.lock().expect("not poisoned").clone()
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut lines = BufReader::new(&stream).lines();
        let request = lines.next().transpose()?.unwrap_or_default();
        let target = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut head = request.clone();
        for line in lines {
            let line = line?;
            if line.is_empty() {
                break;
            }
            head.push('\n');
            head.push_str(&line);
        }
        self.heads.lock().expect("not poisoned").push(head);
        let body = (self.answer)(&target);
        self.targets.lock().expect("not poisoned").push(target);
        let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        (&stream).write_all(head.as_bytes())?;
        (&stream).write_all(&body)
    }
}

impl Drop for PageServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // The acceptor waits for a connection; this is the one that ends it.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn it_answers_and_remembers() {
        let server = PageServer::start(|target| target.to_uppercase().into_bytes());
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.write_all(b"GET /a?b=c HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("\r\n\r\n/A?B=C"), "{answer}");
        assert_eq!(server.targets(), ["/a?b=c"]);
    }
}
