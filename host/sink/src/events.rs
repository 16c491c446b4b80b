//! Reports of librdkafka besides answers: errors of connections, and its log.

use crate::Error;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The context of every client. It keeps the last errors, so that "timed out" can be explained.
#[derive(Debug, Default)]
pub struct Events {
    errors: Mutex<Vec<(RDKafkaErrorCode, String)>>,
}

impl Events {
    const KEPT: usize = 16;

    pub fn note(&self, error: &KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else { return };
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        if errors.iter().any(|known| known.0 == code && known.1 == reason) {
            return;
        }
        if errors.len() == Self::KEPT {
            errors.remove(0);
        }
        errors.push((code, reason.to_owned()));
    }

    /// The broker or a certificate said no; waiting does not help.
    pub fn refusal(&self, brokers: &str) -> Option<Error> {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = |code: &RDKafkaErrorCode| {
            matches!(code, RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed)
        };
        let (_, reason) = errors.iter().rev().find(|(code, _)| refused(code))?;
        Some(Error::Auth { brokers: brokers.to_owned(), cause: without_prefix(reason).to_owned() })
    }

    /// The cause of "no answer within the timeout", as far as librdkafka said.
    pub fn unreachable(&self, brokers: &str, timeout: Duration) -> Error {
        if let Some(refused) = self.refusal(brokers) {
            return refused;
        }
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        // "All brokers are down" is the consequence, not the cause.
        let telling = |code: &RDKafkaErrorCode| {
            matches!(
                code,
                RDKafkaErrorCode::BrokerTransportFailure
                    | RDKafkaErrorCode::Resolve
                    | RDKafkaErrorCode::SSL
                    | RDKafkaErrorCode::OperationTimedOut
            )
        };
        let cause = errors.iter().rev().find(|(code, _)| telling(code)).map(|(_, reason)| without_prefix(reason));
        let cause = cause.unwrap_or("connected or still connecting, but no metadata came");
        Error::Unreachable {
            brokers: brokers.to_owned(),
            timeout_ms: timeout.as_millis(),
            hint: hint(cause),
            cause: cause.to_owned(),
        }
    }
}

/// librdkafka puts the client's own name (`dpone#producer-1`) before the address.
fn without_prefix(reason: &str) -> &str {
    match reason.split_once(": ") {
        Some((name, rest)) if name.contains("#producer-") || name.contains("#consumer-") => rest,
        _ => reason,
    }
}

/// The usual cause behind a message.
fn hint(cause: &str) -> Option<&'static str> {
    let usual = [
        ("Connection refused", "nothing listens at this address: is the broker up, and is the port right?"),
        ("Failed to resolve", "the host name is unknown here: check it, and the DNS of this machine"),
        ("SSL handshake failed", "check the connection's certificate authority and that the port speaks TLS"),
        ("certificate verify failed", "the broker's certificate is signed by an authority that is not trusted here"),
        ("incorrect security.protocol", "the port may want another `security_protocol` than the connection has"),
        ("timed out", "the address does not answer: check network, firewall and the advertised listeners"),
    ];
    usual.iter().find(|(part, _)| cause.contains(part)).map(|(_, hint)| *hint)
}

impl ClientContext for Events {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(target: "librdkafka", facility, "{message}");
            }
            // Failed connections are retried; what stays an error is reported with its code.
            RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
                tracing::debug!(target: "librdkafka", facility, "{message}");
            }
            _ => tracing::trace!(target: "librdkafka", facility, "{message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, reason, "client error");
        self.note(&error, reason);
    }
}

impl ConsumerContext for Events {}

impl ProducerContext for Events {
    type DeliveryOpaque = usize;

    /// Delivery reports are taken from the queue (`native::Topic::serve`); those that are left when a
    /// producer is closed come here, and nobody asks for them.
    fn delivery(&self, _: &DeliveryResult<'_>, _: usize) {}
}
