//! A line when a measure starts and when it ends, with the time since the start of the run. I/O: stderr.

use std::time::{Duration, Instant};

pub struct Progress {
    started: Instant,
}

/// A measure that runs.
pub struct Step<'a> {
    progress: &'a Progress,
    name: String,
    started: Instant,
}

impl Progress {
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub fn say(&self, text: &str) {
        eprintln!("[{}] {text}", clock(self.elapsed()));
    }

    pub fn start(&self, name: String) -> Step<'_> {
        self.say(&format!("begin  {name}"));
        Step { progress: self, name, started: Instant::now() }
    }
}

impl Step<'_> {
    pub fn done(self, result: String) {
        let took = self.started.elapsed().as_secs();
        self.progress.say(&format!("end    {} ({took} s): {result}", self.name));
    }
}

fn clock(time: Duration) -> String {
    format!("{:02}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_shows_minutes_and_seconds() {
        assert_eq!(clock(Duration::from_secs(3)), "00:03");
        assert_eq!(clock(Duration::from_secs(1201)), "20:01");
    }
}
