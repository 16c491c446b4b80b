//! The dpone envelope, spliced around a record's untouched bytes.

use crate::text::escape;

/// The text around every record of a run:
/// `{"op", "data": {row}, "metadata": {"strategy"}, "source": {"schema", "table"}, "schema_version": 1}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    tail: Vec<u8>,
}

impl Envelope {
    pub fn dpone(strategy: &str, schema: &str, table: &str) -> Self {
        let mut tail = b",\"metadata\":{\"strategy\":".to_vec();
        escape(strategy, &mut tail);
        tail.extend_from_slice(b"},\"source\":{\"schema\":");
        escape(schema, &mut tail);
        tail.extend_from_slice(b",\"table\":");
        escape(table, &mut tail);
        tail.extend_from_slice(b"},\"schema_version\":1}");
        Self { tail }
    }

    /// Appends the record, which is JSON, in its envelope. `op` is `upsert`, `delete` or `replace`.
    pub fn wrap(&self, op: &str, record: &[u8], out: &mut Vec<u8>) {
        out.reserve(op.len() + record.len() + self.tail.len() + 16);
        out.extend_from_slice(b"{\"op\":");
        escape(op, out);
        out.extend_from_slice(b",\"data\":");
        out.extend_from_slice(record);
        out.extend_from_slice(&self.tail);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_stays_as_it_is() {
        let envelope = Envelope::dpone("incremental_merge", "dw\"h", "orders");
        let mut out = b"before".to_vec();
        envelope.wrap("upsert", b"{\"id\": 1E400}", &mut out);
        let expected = concat!(
            r#"before{"op":"upsert","data":{"id": 1E400},"metadata":{"strategy":"incremental_merge"},"#,
            r#""source":{"schema":"dw\"h","table":"orders"},"schema_version":1}"#
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
