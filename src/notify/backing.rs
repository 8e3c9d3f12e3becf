//! The file beside a ring: its last lines, readable when the process is gone.
//!
//! The file has the size of the ring and is written round and round: after the newest line stands
//! a line of zeros or what is left of the oldest ones. A file that is there when the ring is made
//! becomes `<path>.bak`, so that a restart does not wipe what led to it. What the file system does
//! not take ends the file, and nothing else.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::readers::Readers;
use crate::config::model::{Config, LogSink};
use crate::telemetry::ring::{Ring, Rings};

/// All files of rings, each with the task that writes it.
#[derive(Debug, Default)]
pub struct Backings(Readers<PathBuf>);

impl Backings {
    /// Makes the files of `config` those that are written. Must be called within a runtime.
    pub fn follow(&mut self, config: &Config, rings: &Rings) {
        let wanted = config.rings.iter().filter_map(|section| {
            let ring = rings.find(&LogSink::Ring(section.name.clone()))?;
            Some((section.backing_file.clone()?, ring))
        });
        self.0.follow(wanted, |path, ring, stop| match Backing::create(path, ring.spec.size) {
            Ok(backing) => Some(tokio::spawn(write(Arc::clone(ring), backing, path.clone(), stop))),
            Err(error) => {
                tracing::error!("backing file {}: {error}", path.display());
                None
            }
        });
    }

    /// Writes what is left.
    ///
    /// # Cancel safety
    /// Dropping it leaves the tasks to the runtime.
    pub async fn finish(self) {
        self.0.finish().await;
    }
}

/// Writes the lines of `ring` as they come.
async fn write(ring: Arc<Ring>, mut backing: Backing, path: PathBuf, stop: CancellationToken) {
    let mut place = ring.oldest();
    loop {
        let mut refused = None;
        ring.read(&mut place, |line, _| {
            refused = backing.push(line).err();
            refused.is_none()
        });
        if let Some(error) = refused {
            tracing::error!("backing file {}: {error}", path.display());
            return;
        }
        tokio::select! {
            () = ring.news(place) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// A file of a fixed size.
#[derive(Debug)]
struct Backing {
    file: File,
    size: u64,
    /// Where the next line goes.
    at: u64,
}

impl Backing {
    /// Makes the file anew, in the place of one whose lines are kept as `<path>.bak`.
    ///
    /// # Errors
    /// It cannot be made.
    fn create(path: &Path, size: usize) -> io::Result<Self> {
        if path.metadata().is_ok_and(|found| found.len() > 0) {
            let mut kept = path.as_os_str().to_owned();
            kept.push(".bak");
            // Without it there is no copy, as in HAProxy.
            let _ = std::fs::rename(path, PathBuf::from(kept));
        }
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
        let size = size as u64;
        file.set_len(size)?;
        Ok(Self { file, size, at: 0 })
    }

    /// Writes a line after the last one; at the end of the file it goes on at the beginning.
    ///
    /// # Errors
    /// The file system does not take it.
    fn push(&mut self, line: &[u8]) -> io::Result<()> {
        let line = [line, b"\n"].concat();
        let length = line.len() as u64;
        if length > self.size {
            return Ok(());
        }
        if self.at + length > self.size {
            let rest = usize::try_from(self.size - self.at).unwrap_or(0);
            self.file.write_all_at(&vec![0; rest], self.at)?;
            self.at = 0;
        }
        self.file.write_all_at(&line, self.at)?;
        self.at += length;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_goes_round_and_the_old_one_is_kept() {
        let path = std::env::temp_dir().join(format!("evenkeel-backing-{}", std::process::id()));
        let mut kept = path.as_os_str().to_owned();
        kept.push(".bak");
        std::fs::write(&path, "before\n").unwrap();
        let mut backing = Backing::create(&path, 12).unwrap();
        for line in ["one", "two", "three", "far too long for it"] {
            backing.push(line.as_bytes()).unwrap();
        }
        assert_eq!(std::fs::read(&path).unwrap(), b"three\no\n\0\0\0\0");
        assert_eq!(std::fs::read(&kept).unwrap(), b"before\n");
        std::fs::remove_file(&path).unwrap();
        std::fs::remove_file(&kept).unwrap();
    }
}
