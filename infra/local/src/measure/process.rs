//! What the kernel knows about a function's process.

use std::io;
use std::time::Duration;

/// One tick of the times in `/proc/PID/stat`: `USER_HZ` is 100 on every platform that the functions run on.
const TICK: Duration = Duration::from_millis(10);

/// Memory in KiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// Its own pages, and its share of those that it shares with other processes.
    pub(crate) proportional: u32,
    /// All pages that it has.
    pub(crate) resident: u32,
    /// The most that it ever had.
    pub(crate) peak: u32,
}

/// User and system time together.
pub(crate) fn cpu(pid: i32) -> io::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold anything; what follows has no surprises.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let mut times = fields.split_whitespace().skip(11).map(str::parse::<u32>);
    match (times.next(), times.next()) {
        (Some(Ok(user)), Some(Ok(system))) => Ok(TICK * (user + system)),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "/proc/PID/stat is not understood")),
    }
}

pub(crate) fn memory(pid: i32) -> io::Result<Memory> {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(Memory { proportional: kib(&rollup, "Pss:")?, resident: kib(&rollup, "Rss:")?, peak: kib(&status, "VmHWM:")? })
}

fn kib(text: &str, name: &str) -> io::Result<u32> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok());
    number.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("/proc tells no {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_process_has_memory_and_its_times_can_be_read() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let memory = memory(pid).unwrap();
        assert!(memory.proportional <= memory.resident && memory.resident > 0);
        assert!(memory.peak > 0);
        cpu(pid).unwrap();
    }
}
