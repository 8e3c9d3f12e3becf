//! A folder for the files of one run: configurations, outputs, databases.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A temporary folder, removed with its content when dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Creates a folder that is this process's own.
    ///
    /// # Errors
    /// When it exists, or the temporary directory takes none.
    pub fn create(name: &str) -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        fs::create_dir(&path).map_err(|error| {
            io::Error::new(error.kind(), format!("create {}: {error}", path.display()))
        })?;
        Ok(Self { path })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A folder left behind in the temporary directory harms nobody.
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_its_content_and_is_nobody_elses() {
        let scratch = Scratch::create("measure-scratch").expect("a folder");
        let path = scratch.path().to_owned();
        fs::write(path.join("file"), "x").expect("a file in it");
        Scratch::create("measure-scratch").expect_err("it is taken");
        drop(scratch);
        assert!(!path.exists());
    }
}
