//! A small HTTP server whose answers a test writes out, status and headers included, and which
//! remembers everything that it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// A client's request.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// The answer to it.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.into() }
    }

    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

type Script = Box<dyn Fn(&Asked) -> Answer + Send + Sync>;

/// A server on a port of its own; it ends with it.
pub struct ScriptedServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    script: Script,
    asked: Mutex<Vec<Asked>>,
    stopped: AtomicBool,
}

impl ScriptedServer {
    pub fn start(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared =
            Arc::new(Shared { script: Box::new(script), asked: Mutex::default(), stopped: AtomicBool::new(false) });
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

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().expect("not poisoned").clone()
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut reader = BufReader::new(&stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            match line.trim_end().split_once(':') {
                Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
                None => break,
            }
        }
        let mut asked = Asked { method, target, headers, body: Vec::new() };
        let length = asked.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        asked.body.resize(length, 0);
        reader.read_exact(&mut asked.body)?;
        let answer = (self.script)(&asked);
        let is_head = asked.method == "HEAD";
        self.asked.lock().expect("not poisoned").push(asked);
        let lines: String = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!("HTTP/1.1 {} -\r\nconnection: close\r\n{lines}", answer.status);
        let head = format!("{head}content-length: {}\r\n\r\n", answer.body.len());
        (&stream).write_all(head.as_bytes())?;
        if is_head { Ok(()) } else { (&stream).write_all(&answer.body) }
    }
}

impl Drop for ScriptedServer {
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

    #[test]
    fn it_answers_and_remembers() {
        let server =
            ScriptedServer::start(|asked| Answer::status(201).header("x-length", asked.body.len().to_string()));
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.write_all(b"PUT /a?b HTTP/1.1\r\nhost: x\r\nContent-Length: 3\r\n\r\nabc").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 201 ") && answer.contains("x-length: 3\r\n"), "{answer}");
        let asked = server.asked();
        assert_eq!((asked[0].method.as_str(), asked[0].target.as_str()), ("PUT", "/a?b"));
        assert_eq!((asked[0].header("HOST"), asked[0].body.as_slice()), (Some("x"), b"abc".as_slice()));
    }
}
