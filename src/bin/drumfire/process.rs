//! Processes: this one's processor and memory, and children that speak JSON lines.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::clock::now;
use crate::failure::{Failure, While};

/// Bytes of memory this process has in use; 0 where the system does not say.
pub(crate) fn resident_bytes() -> u64 {
    // VmRSS of `status` is exact where `statm` lags behind by up to 64 pages a thread.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1_024
}

/// The system's load averages, as it writes them.
pub(crate) fn load_average() -> Option<String> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    let averages: Vec<&str> = text.split_whitespace().take(3).collect();
    Some(averages.join(" "))
}

/// Processors this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Keeps the calling thread, and those it starts from here on, on `cores` (numbered among those it may
/// use). Nothing happens for an empty list, or where the system has no such thing.
pub(crate) fn pin(cores: &[usize]) {
    #[cfg(target_os = "linux")]
    {
        use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
        let Ok(allowed) = sched_getaffinity(None) else {
            return;
        };
        let mine: Vec<usize> = (0..CpuSet::MAX_CPU)
            .filter(|cpu| allowed.is_set(*cpu))
            .collect();
        let mut set = CpuSet::new();
        for core in cores.iter().filter_map(|nth| mine.get(*nth)) {
            set.set(*core);
        }
        if set.count() > 0 {
            let _ = sched_setaffinity(None, &set);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = cores;
}

/// A command of this binary in a process of its own.
#[derive(Debug)]
pub(crate) struct Child {
    name: &'static str,
    process: std::process::Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Child {
    /// Starts `drumfire` with `arguments`, which begin with the command's name.
    pub(crate) fn start(name: &'static str, arguments: &[String]) -> Result<Self, Failure> {
        let doing = || format!("starting the {name} process");
        let binary = std::env::current_exe().while_doing(doing)?;
        let mut process = Command::new(binary)
            .args(arguments)
            .arg("--machine")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .while_doing(doing)?;
        let input = process.stdin.take();
        let (sender, lines) = channel();
        if let Some(output) = process.stdout.take() {
            std::thread::spawn(move || forward(output, &sender));
        }
        Ok(Self {
            name,
            process,
            input,
            lines,
        })
    }

    /// Says a line to the process.
    pub(crate) fn tell(&mut self, line: &str) -> Result<(), Failure> {
        let name = self.name;
        let Some(input) = &mut self.input else {
            return Ok(());
        };
        writeln!(input, "{line}").while_doing(|| format!("telling the {name} process to {line}"))
    }

    /// What the process says next; none if it says nothing within `timeout`.
    ///
    /// # Errors
    /// If the process is over, or says something else.
    pub(crate) fn hear<T: DeserializeOwned>(
        &mut self,
        timeout: Duration,
    ) -> Result<Option<T>, Failure> {
        match self.lines.recv_timeout(timeout) {
            Ok(line) => serde_json::from_str(&line).map(Some).while_doing(|| {
                format!(
                    "understanding the {} process, which says {line:?}",
                    self.name
                )
            }),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(self.obituary()),
        }
    }

    /// What the process says next, which must come within `timeout`.
    pub(crate) fn answer<T: DeserializeOwned>(&mut self, timeout: Duration) -> Result<T, Failure> {
        let name = self.name;
        self.hear(timeout)?.ok_or_else(|| {
            Failure::new(format!(
                "the {name} process did not answer within {timeout:?}"
            ))
        })
    }

    /// Waits for the process to end by itself, its input closed.
    ///
    /// # Errors
    /// If it does not within `timeout` (it is killed then), or if it failed.
    pub(crate) fn finish(mut self, timeout: Duration) -> Result<(), Failure> {
        drop(self.input.take());
        let end = now() + timeout;
        // Its output ends when it does; what it says meanwhile is of no interest.
        while let Some(rest) = end.checked_duration_since(now()) {
            if let Err(RecvTimeoutError::Disconnected) = self.lines.recv_timeout(rest) {
                let status = self.process.wait()?;
                return if status.success() {
                    Ok(())
                } else {
                    Err(self.obituary())
                };
            }
        }
        Err(Failure::new(format!(
            "the {} process did not stop within {timeout:?}",
            self.name
        )))
    }

    fn obituary(&mut self) -> Failure {
        let name = self.name;
        match self.process.wait() {
            Ok(status) => Failure::new(format!(
                "the {name} process ended early ({status}); its own words stand above"
            )),
            Err(error) => Failure::new(format!("the {name} process is gone: {error}")),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn forward(output: ChildStdout, to: &std::sync::mpsc::Sender<String>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if to.send(line).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_that_runs_has_memory_and_a_core() {
        assert!(resident_bytes() > 100_000);
        assert!(cores() >= 1);
        assert_eq!(load_average().unwrap().split(' ').count(), 3);
    }
}
