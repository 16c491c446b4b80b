//! A server that answers with exactly the bytes a test gives it, for page formats and JSON texts that
//! the demo API does not have.

use crate::scripted::{Answer, Asked, ScriptedServer};

/// A server on a port of its own; it ends with it.
pub struct PageServer(ScriptedServer);

impl PageServer {
    /// `answer` gets a request's path with its query, and returns the body of a 200.
    pub fn start(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self(ScriptedServer::start(move |asked| Answer::ok(answer(&asked.target))))
    }

    pub fn base_url(&self) -> String {
        format!("http://{}", self.0.host())
    }

    /// The path and query of each request so far, in order.
    pub fn targets(&self) -> Vec<String> {
        self.0.asked().into_iter().map(|asked| asked.target).collect()
    }

    /// The head of each request so far, in order: a line for the request and one for each header.
    pub fn heads(&self) -> Vec<String> {
        self.0.asked().iter().map(head).collect()
    }
}

fn head(asked: &Asked) -> String {
    let headers = asked.headers.iter().map(|(name, value)| format!("\n{name}: {value}"));
    format!("{} {}{}", asked.method, asked.target, headers.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    #[test]
    fn it_answers_and_remembers() {
        let server = PageServer::start(|target| target.to_uppercase().into_bytes());
        let mut stream = TcpStream::connect(server.0.host()).unwrap();
        stream.write_all(b"GET /a?b=c HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("\r\n\r\n/A?B=C"), "{answer}");
        assert_eq!(server.targets(), ["/a?b=c"]);
        assert_eq!(server.heads(), ["GET /a?b=c\nhost: x"]);
    }
}
