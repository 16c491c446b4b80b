//! A plugin's log: what it says through `host.log`, and its standard output and error. Bounded by
//! `limits.log` for the whole run.

use crate::text;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How much a line matters to the person who runs the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

/// One line of a plugin's log, free of control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    pub plugin: String,
    pub level: LogLevel,
    pub text: String,
}

/// Where a plugin's log goes.
pub type LogSink = Arc<dyn Fn(LogLine) + Send + Sync>;

/// Sends the lines to `tracing`, under the target `plugin`.
pub fn tracing_log() -> LogSink {
    Arc::new(|line: LogLine| {
        let (plugin, text) = (&line.plugin, &line.text);
        match line.level {
            LogLevel::Debug => tracing::debug!(target: "plugin", %plugin, "{text}"),
            LogLevel::Info => tracing::info!(target: "plugin", %plugin, "{text}"),
            LogLevel::Warn => tracing::warn!(target: "plugin", %plugin, "{text}"),
            LogLevel::Error => tracing::error!(target: "plugin", %plugin, "{text}"),
        }
    })
}

/// The bounded log of one plugin; clones share the budget.
#[derive(Clone)]
pub(crate) struct PluginLog(Arc<Shared>);

struct Shared {
    plugin: String,
    sink: LogSink,
    limit: u64,
    left: AtomicU64,
    closed: AtomicBool,
}

impl PluginLog {
    pub fn new(plugin: String, sink: LogSink, limit: u64) -> Self {
        let shared = Shared { plugin, sink, limit, left: AtomicU64::new(limit), closed: AtomicBool::new(false) };
        Self(Arc::new(shared))
    }

    /// Passes a message on, or cuts it where the budget ends; what comes later is dropped, which
    /// one last line says.
    pub fn write(&self, level: LogLevel, message: &str) {
        let shared = &*self.0;
        if shared.closed.load(Ordering::Relaxed) {
            return;
        }
        let left = shared.left.load(Ordering::Relaxed);
        let size = message.len() as u64;
        if left > 0 || size == 0 {
            let room = usize::try_from(left).unwrap_or(usize::MAX);
            self.emit(level, text::one_line(message, room.min(text::MAX_MESSAGE_BYTES)));
        }
        // Each line costs at least one byte of the budget, so that empty lines end too.
        shared.left.store(left.saturating_sub(size.max(1)), Ordering::Relaxed);
        if size.max(1) >= left && !shared.closed.swap(true, Ordering::Relaxed) {
            let limit = shared.limit;
            self.emit(LogLevel::Warn, format!("the log reached its limit of {limit} bytes; the rest is dropped"));
        }
    }

    /// Whether there is room for more.
    pub fn is_open(&self) -> bool {
        !self.0.closed.load(Ordering::Relaxed)
    }

    fn emit(&self, level: LogLevel, text: String) {
        (self.0.sink)(LogLine { plugin: self.0.plugin.clone(), level, text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn the_budget_ends_the_log_with_a_word() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = lines.clone();
        let log = PluginLog::new("p".into(), Arc::new(move |line: LogLine| kept.lock().unwrap().push(line.text)), 10);
        for message in ["12345", "", "6789abc", "never"] {
            log.write(LogLevel::Info, message);
        }
        let expected = ["12345", "", "6789… (7 bytes)", "the log reached its limit of 10 bytes; the rest is dropped"];
        assert_eq!(*lines.lock().unwrap(), expected);
        assert!(!log.is_open());
    }
}
