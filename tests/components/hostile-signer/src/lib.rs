//! A signer that misbehaves as its option says.

use dpone_sdk::{Encoding, Error, Hash, Outgoing, Signature, Signer, Term};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub struct Options {
    behaviour: Behaviour,
    /// How often, or how many.
    #[serde(default)]
    count: usize,
    /// Bytes of a text.
    #[serde(default)]
    size: usize,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Behaviour {
    /// One text of `size` bytes, encoded `count` times over.
    ManyEncoded,
    /// One text of `size` bytes, hashed `count` times over.
    ManyHashed,
    /// `count` texts of `size` bytes.
    ManyTexts,
    /// A term that doubles `count` times.
    Doubling,
    /// A header with a value of `size` bytes.
    LongHeader,
    /// A header with a name of `size` bytes.
    LongName,
    /// `count` headers.
    ManyHeaders,
    /// A secret with a name of `size` bytes.
    LongSecret,
    /// Never returns.
    EndlessLoop,
    /// Refuses in `size` bytes.
    Refuse,
}

pub struct Hostile(Options);

impl Signer for Hostile {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "type": "object",
        "properties": {
            "behaviour": { "type": "string", "description": "What to do." },
            "count": { "type": "integer", "description": "How often, or how many." },
            "size": { "type": "integer", "description": "Bytes of a text." }
        },
        "required": ["behaviour"],
        "additionalProperties": false
    }"#;
    type Options = Options;

    fn new(options: Options, _: &[String]) -> Result<Self, Error> {
        Ok(Self(options))
    }

    fn sign(&self, _: &Outgoing) -> Result<Signature, Error> {
        let (count, size) = (self.0.count, self.0.size);
        let long = |character: &str| character.repeat(size);
        let mut made = Signature::new();
        let short = made.text("s");
        match self.0.behaviour {
            Behaviour::ManyEncoded => {
                let text = made.text(long("/"));
                for _ in 0..count {
                    made.encoded(Encoding::Percent, text);
                }
            }
            Behaviour::ManyHashed => {
                let text = made.text(long("h"));
                for _ in 0..count {
                    made.hashed(Hash::Sha512, text);
                }
            }
            Behaviour::ManyTexts => {
                for _ in 0..count {
                    made.text(long("t"));
                }
            }
            Behaviour::Doubling => {
                let mut last: Term = made.text("0123456789");
                (0..count).for_each(|_| last = made.concat(&[last, last]));
            }
            Behaviour::LongHeader => {
                let value = made.text(long("v"));
                made.header("X-Long", value);
            }
            Behaviour::LongName => made.header(&long("n"), short),
            Behaviour::ManyHeaders => (0..count).for_each(|number| made.header(&format!("X-{number}"), short)),
            Behaviour::LongSecret => {
                made.secret(&long("s"));
            }
            Behaviour::EndlessLoop => loop {
                std::hint::black_box(());
            },
            Behaviour::Refuse => return Err(Error::new(&long("c"), long("ä")).at_field(&long("f"))),
        }
        Ok(made)
    }
}

dpone_sdk::export!(signer: Hostile);
