//! The figures of the kernel about this process, under the names that every exporter uses. I/O: reads /proc.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Linux counts the time of processes in hundredths of a second on every machine that the operator is built for.
const TICKS_PER_SECOND: f64 = 100.0;

/// Reads them when they are asked for. What cannot be read is left out, as on systems without /proc.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let read = |name: &str| fs::read_to_string(name).unwrap_or_default();
        let stat = Stat::parse(&read("/proc/self/stat"));
        let (status, limits) = (read("/proc/self/status"), read("/proc/self/limits"));
        if let Some(seconds) = stat.as_ref().map(|stat| stat.cpu_ticks / TICKS_PER_SECOND) {
            let counter = ConstCounter::new(seconds);
            let help = "Time that the processors spent on this process, in seconds.";
            let described =
                encoder.encode_descriptor("process_cpu_seconds", help, None, counter.metric_type())?;
            counter.encode(described)?;
        }
        let started = stat.as_ref().zip(number(&read("/proc/stat"), "btime "));
        let gauges = [
            (
                "process_start_time_seconds",
                "When this process started, in seconds since 1970.",
                started.map(|(stat, booted)| booted + stat.start_ticks / TICKS_PER_SECOND),
            ),
            (
                "process_resident_memory_bytes",
                "Memory of this process that is in main memory.",
                kibibytes(&status, "VmRSS:"),
            ),
            ("process_virtual_memory_bytes", "Address space of this process.", kibibytes(&status, "VmSize:")),
            ("process_open_fds", "Open file descriptors of this process.", open_files()),
            (
                "process_max_fds",
                "Most file descriptors that this process may open.",
                number(&limits, "Max open files"),
            ),
        ];
        for (name, help, value) in gauges {
            let Some(value) = value else { continue };
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

struct Stat {
    cpu_ticks: f64,
    start_ticks: f64,
}

impl Stat {
    /// The name of the program, in parentheses, may hold anything.
    fn parse(stat: &str) -> Option<Self> {
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        // proc_pid_stat(5): utime, stime and starttime.
        Some(Self { cpu_ticks: field(14)? + field(15)?, start_ticks: field(22)? })
    }
}

/// The number that follows `name` on its line.
fn number(text: &str, name: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// In bytes.
fn kibibytes(status: &str, name: &str) -> Option<f64> {
    number(status, name).map(|kibibytes| kibibytes * 1024.0)
}

fn open_files() -> Option<f64> {
    // The directory itself is open while it is read.
    let open = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    u32::try_from(open).ok().map(f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_the_kernel_are_read_whatever_the_program_is_called() {
        let stat = Stat::parse(
            "7 (a) b) (c) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 5 0 12345 1000 200 18446744073709551615",
        );
        let stat = stat.expect("the fields are there");
        assert_eq!((stat.cpu_ticks, stat.start_ticks), (300.0, 12345.0));
        assert_eq!(number("cpu 1 2\nbtime 1700000000\nprocesses 5\n", "btime "), Some(1_700_000_000.0));
        assert_eq!(kibibytes("VmSize:\t  20 kB\nVmRSS:\t    4 kB\n", "VmRSS:"), Some(4096.0));
        let limits = "Max open files            1024                 524288               files\n";
        assert_eq!(number(limits, "Max open files"), Some(1024.0));
        assert_eq!(Stat::parse("").map(|stat| stat.cpu_ticks), None);
    }
}
