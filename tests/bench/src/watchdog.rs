//! Kills what this program started if this program itself is killed. A shell script holds the list of processes; it acts
//! when the pipe to it closes. I/O: starts a process.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

const SCRIPT: &str = r#"
pids=" "
while read -r change pid; do
    case $change in
        +) pids="$pids$pid " ;;
        -) pids=$(printf %s "$pids" | sed "s/ $pid / /") ;;
    esac
done
[ "$pids" = " " ] || kill -KILL $pids
"#;

pub struct Watchdog {
    pipe: Mutex<Option<ChildStdin>>,
    script: Mutex<Child>,
}

impl Watchdog {
    pub fn start() -> std::io::Result<Self> {
        let mut script = Command::new("sh")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A terminal sends Ctrl-C to the whole foreground process group.
            .process_group(0)
            .spawn()?;
        let pipe = Mutex::new(script.stdin.take());
        Ok(Self { pipe, script: Mutex::new(script) })
    }

    pub fn started(&self, pid: u32) {
        self.tell('+', pid);
    }

    pub fn ended(&self, pid: u32) {
        self.tell('-', pid);
    }

    fn tell(&self, change: char, pid: u32) {
        if let Some(pipe) = &mut *self.pipe.lock().unwrap_or_else(PoisonError::into_inner) {
            // A failure means that someone killed the script. Then nothing guards this run, and it can still go on.
            let _ = writeln!(pipe, "{change} {pid}");
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.pipe.lock().unwrap_or_else(PoisonError::into_inner).take());
        let _ = self.script.lock().unwrap_or_else(PoisonError::into_inner).wait();
    }
}
