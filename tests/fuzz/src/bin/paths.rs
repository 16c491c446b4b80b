//! Random paths as servers read them: whatever the path rules let pass lies below the prefix for each of the
//! servers, which decode once or several times, cut path parameters, or know backslashes.

use dpone_fuzz::{Random, run};
use dpone_source::readings::{Author, Lies, lies};
use std::process::ExitCode;
use url::Url;

const PREFIX: &str = "/one/orders";
const PIECES: &[&str] = &[
    "..",
    ".",
    "...",
    "..;",
    "..;x=1",
    ".;",
    ";",
    ";a",
    "a",
    "7",
    "admin",
    "%",
    "%2e",
    "%2E%2e",
    ".%2e",
    "%252e",
    "%25252e",
    "..%2f",
    "..%5c",
    "%2f",
    "%252f",
    "%5C",
    "\\",
    "%00",
    "%0a",
    "%20",
    " ",
    "%c0%ae",
    "%c0%af",
    "%e9",
    "caf%C3%A9",
    "%u002e",
    "%ef%bc%8e",
    "\u{ff0f}",
    "\u{2025}",
    "?x=/..",
    "#",
    "//",
    "25",
    "%25",
    "%3b",
    "%253b",
];

fn main() -> ExitCode {
    run("paths", 20_000, case)
}

fn case(seed: u64) -> Result<(), String> {
    let mut random = Random::new(seed);
    let mut text = format!("https://api.example.com{PREFIX}");
    for _ in 0..1 + random.below(6) {
        if !random.one_in(3) {
            text.push('/');
        }
        text.push_str(random.text(PIECES));
    }
    let Ok(url) = Url::parse(&text) else { return Ok(()) };
    for author in [Author::Plugin, Author::Manifest] {
        if lies(url.path(), PREFIX, author) != Lies::Below {
            continue;
        }
        for server in SERVERS {
            let read = server.read(url.path());
            if !(read == PREFIX || read.starts_with(&format!("{PREFIX}/"))) {
                return Err(format!("{author:?} may ask for {}, which {server:?} reads as {read}", url.path()));
            }
        }
    }
    Ok(())
}

/// How a server reads a path.
#[derive(Debug)]
struct Server {
    decodings: u32,
    cuts_parameters: bool,
    knows_backslashes: bool,
    /// As Windows does with the dots and spaces at the end of a name.
    trims_names: bool,
}

const SERVERS: &[Server] = &[
    Server { decodings: 0, cuts_parameters: false, knows_backslashes: false, trims_names: false },
    Server { decodings: 1, cuts_parameters: false, knows_backslashes: false, trims_names: false },
    Server { decodings: 1, cuts_parameters: true, knows_backslashes: false, trims_names: false },
    Server { decodings: 1, cuts_parameters: false, knows_backslashes: true, trims_names: true },
    Server { decodings: 2, cuts_parameters: true, knows_backslashes: true, trims_names: true },
    Server { decodings: 3, cuts_parameters: true, knows_backslashes: true, trims_names: false },
];

impl Server {
    fn read(&self, path: &str) -> String {
        let mut bytes = path.as_bytes().to_vec();
        for _ in 0..self.decodings {
            bytes = decoded(&bytes);
        }
        // A C library ends the text there.
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        bytes.truncate(end);
        let text = lenient(&bytes);
        let text = if self.knows_backslashes { text.replace('\\', "/") } else { text };
        let mut segments: Vec<&str> = Vec::new();
        for segment in text.split('/') {
            let name = if self.cuts_parameters { segment.split(';').next().unwrap_or_default() } else { segment };
            let is_dots = |dots: &str| {
                name == dots
                    || self.trims_names && name.trim() == dots
                    || self.trims_names && dots == ".." && is_only_dots(name)
            };
            match name {
                "" => {}
                _ if is_dots("..") => drop(segments.pop()),
                _ if is_dots(".") => {}
                name => segments.push(name),
            }
        }
        format!("/{}", segments.join("/"))
    }
}

fn is_only_dots(name: &str) -> bool {
    let name = name.trim();
    name.len() > 2 && name.bytes().all(|byte| byte == b'.' || byte == b' ')
}

/// Decodes each percent escape once.
fn decoded(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        let escape = match rest {
            [b'%', high, low, ..] => {
                std::str::from_utf8(&[*high, *low]).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok())
            }
            _ => None,
        };
        out.push(escape.unwrap_or(*first));
        rest = if escape.is_some() { rest.get(3..).unwrap_or_default() } else { after };
    }
    out
}

/// UTF-8 as a lenient decoder has it: overlong forms of two bytes count.
fn lenient(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        match rest {
            [0xc0, low @ 0x80..=0xbf, more @ ..] => {
                out.push(low & 0x3f);
                rest = more;
            }
            _ => {
                out.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
