//! The log of `run`: its format, its level, which can change, and what never gets into it. I/O: standard error.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use super::flags::{LogFormat, RunFlags};
use super::traces::Traces;
use crate::cli::values;
use crate::controller::{Level, LogLevel};
use crate::traces;

/// Begins the log, and beside it the traces, which do not depend on its level. What it returns changes the level.
pub(super) fn to_stderr(flags: &RunFlags, traces: Option<&Traces>) -> LogLevel {
    let lines = fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
    let lines = match flags.log_format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Text => lines.boxed(),
    };
    let (level, handle) = reload::Layer::new(EnvFilter::new(&flags.log_level));
    let lines = lines.with_filter(without_content()).with_filter(level);
    let log = tracing_subscriber::registry().with(lines);
    match traces {
        Some(traces) => log.with(traces.layer()).init(),
        None => log.init(),
    }
    LogLevel::new(Reloaded(handle))
}

/// The filter of all lines.
struct Reloaded(reload::Handle<EnvFilter, Registry>);

impl Level for Reloaded {
    fn read(&self) -> String {
        self.0.with_current(ToString::to_string).unwrap_or_default()
    }

    fn change(&self, level: &str) -> Result<(), String> {
        let level = values::log_level(level)?;
        self.0.reload(EnvFilter::new(level)).map_err(|error| error.to_string())
    }
}

/// Keeps whole requests, responses and objects out of the log, whatever its level: they hold credentials and the policies of all
/// users.
/// Wherever one of these libraries reports a failure, the operator's own line says what it is.
fn without_content() -> Targets {
    let at_most_debug = ["aws_runtime", "aws_sdk_omics", "aws_sdk_sts", "aws_sigv4"];
    let smithy =
        ["aws_smithy_http", "aws_smithy_http_client", "aws_smithy_runtime", "aws_smithy_runtime_api"];
    Targets::new()
        .with_default(LevelFilter::TRACE)
        .with_targets(at_most_debug.into_iter().chain(smithy).map(|target| (target, LevelFilter::DEBUG)))
        // Responses of the sources of credentials, as a whole where they cannot be parsed, and the external ids of roles.
        .with_target("aws_config", LevelFilter::OFF)
        // They are for collectors of traces.
        .with_target(traces::TARGET, LevelFilter::OFF)
        // A response that it cannot parse, as a whole.
        .with_target("kube_client::client", LevelFilter::OFF)
        // Method and path of each request.
        .with_target("kube_client::client::builder", LevelFilter::TRACE)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn without_a_collector_there_are_no_spans_of_traces_whatever_the_level_of_the_log() {
        let lines = fmt::layer().with_writer(std::io::sink).with_filter(without_content());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            assert!(tracing::info_span!(target: traces::TARGET, "pass").is_disabled());
            assert!(!tracing::trace_span!("another").is_disabled(), "the log has all levels");
        });
    }

    #[test]
    fn libraries_that_dump_content_are_silenced_at_every_level() {
        let filter = without_content();
        for (target, level) in [
            ("aws_smithy_runtime::client::orchestrator", Level::TRACE),
            ("aws_smithy_http_client::client", Level::TRACE),
            ("aws_sdk_omics::operation", Level::TRACE),
            ("aws_config::meta::credentials::chain", Level::WARN),
            ("kube_client::client", Level::WARN),
            ("kube_client::client", Level::ERROR),
        ] {
            assert!(!filter.would_enable(target, &level), "{target} at {level}");
        }
        assert!(filter.would_enable("sequencestore_operator::controller", &Level::TRACE));
        assert!(filter.would_enable("aws_smithy_runtime::client::orchestrator", &Level::DEBUG));
    }
}
