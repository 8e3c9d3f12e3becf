//! `default-path`: from where relative names of files are meant.
//!
//! HAProxy changes its directory while it reads a file. Here the world is asked for other paths:
//! nothing about the process changes, and a load remains a function of its texts and answers. One
//! policy holds for a whole load: the last one that is written, seen from the file it stands in.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::world::{Account, World};

/// The policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DefaultPath {
    /// The directory the process is in.
    #[default]
    Current,
    /// The directory of the configuration file.
    Config,
    /// The one above that.
    Parent,
    /// This one.
    Origin(PathBuf),
}

impl DefaultPath {
    /// Reads `current`, `config`, `parent` or `origin DIRECTORY`.
    ///
    /// # Errors
    /// What is wrong, in a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mode, rest) = text.split_once(' ').unwrap_or((text, ""));
        match mode {
            "current" => Ok(Self::Current),
            "config" => Ok(Self::Config),
            "parent" => Ok(Self::Parent),
            "origin" if rest.is_empty() => {
                Err("'default-path origin' expects a directory as an argument".to_owned())
            }
            "origin" => Ok(Self::Origin(rest.into())),
            _ => Err(format!(
                "'{mode}' is no mode of 'default-path': current, config, parent or origin"
            )),
        }
    }

    /// As it is written.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Current => "current".to_owned(),
            Self::Config => "config".to_owned(),
            Self::Parent => "parent".to_owned(),
            Self::Origin(directory) => format!("origin {}", directory.display()),
        }
    }

    /// The directory that it means in the configuration file called `file`; empty: the current one.
    #[must_use]
    pub fn directory(&self, file: &str) -> PathBuf {
        let of_file = || Path::new(file).parent().unwrap_or(Path::new("")).to_owned();
        match self {
            Self::Current => PathBuf::new(),
            Self::Config => of_file(),
            Self::Parent => of_file().join(".."),
            Self::Origin(directory) => directory.clone(),
        }
    }
}

/// A world whose relative paths begin in a directory.
pub(super) struct Rooted<'a> {
    pub(super) world: &'a mut dyn World,
    pub(super) directory: PathBuf,
}

impl World for Rooted<'_> {
    fn resolve(&mut self, host: &str) -> Result<Vec<IpAddr>, String> {
        self.world.resolve(host)
    }

    fn excuses_missing_addresses(&mut self) -> bool {
        self.world.excuses_missing_addresses()
    }

    fn socket(&mut self, number: i32) -> Result<(), String> {
        self.world.socket(number)
    }

    fn namespace(&mut self, name: &str) -> Result<(), String> {
        self.world.namespace(name)
    }

    fn read(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        self.world.read(&self.directory.join(path))
    }

    fn list(&mut self, directory: &Path) -> Result<Vec<PathBuf>, String> {
        let paths = self.world.list(&self.directory.join(directory))?;
        // They keep the name of the directory they were asked for by.
        let inside = |path: PathBuf| path.file_name().map(|name| directory.join(name));
        Ok(paths.into_iter().filter_map(inside).collect())
    }

    fn account(&mut self, kind: Account, name: &str) -> Option<u32> {
        self.world.account(kind, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_names_a_directory() {
        for (text, wanted) in [
            ("current", ""),
            ("config", "/etc/haproxy"),
            ("parent", "/etc/haproxy/.."),
            ("origin /srv/x y", "/srv/x y"),
        ] {
            let path = DefaultPath::parse(text).unwrap();
            assert_eq!(path.directory("/etc/haproxy/a.cfg"), Path::new(wanted), "{text}");
            assert_eq!(path.text(), text);
        }
        assert_eq!(DefaultPath::Config.directory("a.cfg"), Path::new(""));
        assert_eq!(DefaultPath::Parent.directory("a.cfg"), Path::new(".."));
        for text in ["", "origin", "origin ", "home"] {
            assert!(DefaultPath::parse(text).is_err(), "{text}");
        }
    }
}
