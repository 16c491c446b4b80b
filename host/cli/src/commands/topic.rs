//! `dpone topic read`: a topic's messages up to its end as it is now.
//!
//! Messages are data, and `ndjson` is them byte for byte. On a terminal alone it has hidden characters as JSON
//! escapes, which mean the same. Text is for people, and has them as visible escapes.

use crate::Outcome;
use crate::args::{Common, Topic, TopicFormat, TopicRead};
use crate::context;
use crate::output::{Results, results_are_for_a_terminal as is_terminal};
use dpone_manifest::{ConnectionRef, ConnectionType};
use dpone_model::{Exit, Report, codes, foreign};
use dpone_run::resolve::Needs;
use dpone_sink::{MessageView, ReadOptions};
use std::io::Write;

pub async fn topic(common: &Common, args: Topic) -> Outcome {
    let Topic::Read(args) = args;
    let host = context::host(common)?;
    let resolver = {
        let needs = Needs { kafka: Some(&args.connection), ..Needs::default() };
        dpone_run::resolve::resolver(&host, common.profile.as_deref(), needs).await?
    };
    let reference = ConnectionRef::new(args.connection.clone(), ConnectionType::Env);
    let connection = resolver.kafka(&reference).await?;
    let read = tokio::task::spawn_blocking(move || read(&connection, &args));
    read.await.map_err(|cause| Report::new(&codes::internal::BUG, format!("the reader ended: {cause}")))?
}

fn read(connection: &dpone_connections::KafkaConnection, args: &TopicRead) -> Outcome {
    let options = ReadOptions { limit: args.limit, offset: args.offset, ..ReadOptions::default() };
    let mut out = std::io::BufWriter::new(Results);
    // A reader that closed the pipe, such as `head`, has seen enough.
    dpone_sink::read_topic(connection, &args.topic, &options, &mut |message| {
        print(&mut out, &message, args.format).is_ok()
    })?;
    let _ = out.flush();
    Ok(Exit::Ok)
}

fn print(out: &mut impl Write, message: &MessageView, format: TopicFormat) -> std::io::Result<()> {
    match format {
        TopicFormat::Ndjson => {
            let line = serde_json::to_string(message)?;
            match is_terminal() {
                true => writeln!(out, "{}", foreign::json(&line)),
                false => writeln!(out, "{line}"),
            }
        }
        TopicFormat::Text => {
            let key = message.key_text().unwrap_or_else(|| "null".to_owned());
            let value = message.value_text().unwrap_or_else(|| "null".to_owned());
            let (key, value) = (foreign::one_line(&key), foreign::one_line(&value));
            writeln!(out, "{}:{}\t{key}\t{value}", message.partition, message.offset)
        }
    }
}
