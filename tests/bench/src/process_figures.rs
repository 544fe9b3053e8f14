//! Memory and CPU time of a process, from `/proc`. The parsing is pure; `read` does the I/O.

use serde::{Deserialize, Serialize};

use crate::Error;

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProcessFigures {
    pub rss_mib: f64,
    /// The part that the process allocated; the rest is its code, mapped from the file.
    pub anonymous_mib: f64,
    /// The highest resident set since the process started.
    pub peak_mib: f64,
    /// Time in user and system mode of all threads, since the process started.
    pub cpu_seconds: f64,
}

pub fn read(pid: u32, ticks_per_second: f64) -> Result<ProcessFigures, Error> {
    let file = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}"));
    let (status, stat) = (file("status")?, file("stat")?);
    parse(&status, &stat, ticks_per_second).ok_or_else(|| format!("/proc/{pid} is not as expected").into())
}

fn parse(status: &str, stat: &str, ticks_per_second: f64) -> Option<ProcessFigures> {
    Some(ProcessFigures {
        rss_mib: mib(status, "VmRSS:")?,
        anonymous_mib: mib(status, "RssAnon:")?,
        peak_mib: mib(status, "VmHWM:")?,
        cpu_seconds: ticks(stat)? / ticks_per_second,
    })
}

fn mib(status: &str, name: &str) -> Option<f64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: f64 = value.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

/// The fields utime and stime. They are counted from the end of the name of the program, which may contain spaces.
fn ticks(stat: &str) -> Option<f64> {
    let after_name = stat.rsplit_once(')')?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let (user, system): (f64, f64) = (fields.get(11)?.parse().ok()?, fields.get(12)?.parse().ok()?);
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tan operator\nVmPeak:\t  99999 kB\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\nRssAnon:\t    5120 kB\n";
    const STAT: &str = "7 (an (odd) name) S 1 7 7 0 -1 4194560 900 0 0 0 150 50 0 0 20 0 5 0 1000 0 0";

    #[test]
    fn memory_is_in_mib_and_cpu_time_is_user_and_system_time() {
        let figures = parse(STATUS, STAT, 100.0).expect("well formed");
        let expected = ProcessFigures { rss_mib: 10.0, anonymous_mib: 5.0, peak_mib: 20.0, cpu_seconds: 2.0 };
        assert_eq!(figures, expected);
    }

    #[test]
    fn what_is_not_as_expected_is_no_figure() {
        assert_eq!(parse("VmRSS: many kB", STAT, 100.0), None);
        assert_eq!(parse(STATUS, "7 (name", 100.0), None);
        assert_eq!(parse(STATUS, "7 (name) S 1 2", 100.0), None);
    }

    #[test]
    fn this_process_has_figures() {
        let figures = read(std::process::id(), 100.0).expect("readable");
        assert!(figures.rss_mib > 1.0 && figures.peak_mib >= figures.rss_mib, "{figures:?}");
    }
}
