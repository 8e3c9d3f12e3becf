//! What is counted per unit of work, and the file in which it is committed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use crate::script::Work;
use crate::tool::Tool;

/// Instructions and system calls per unit.
#[derive(Debug, Default)]
pub(crate) struct Figures(BTreeMap<(Work, Tool), f64>);

impl Figures {
    /// The committed figures.
    pub(crate) fn read() -> io::Result<Self> {
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        let text = fs::read_to_string(path())?;
        let file: BTreeMap<String, BTreeMap<String, f64>> =
            toml::from_str(&text).map_err(invalid)?;
        let mut figures = Self::default();
        for work in Work::ALL {
            for tool in Tool::ALL {
                if let Some(&value) = file.get(work.name()).and_then(|of| of.get(tool.name())) {
                    figures.set(work, tool, value);
                }
            }
        }
        Ok(figures)
    }

    /// Commits to these.
    pub(crate) fn write(&self) -> io::Result<()> {
        let mut text = String::from(
            "# Per unit of work, user space only; see benches/cost. Written by\n\
             # `cargo bench --bench cost -- --bless`, held by `cargo bench --bench cost -- --check`.\n",
        );
        for work in Work::ALL {
            text.push_str(&format!("\n[{}]\n", work.name()));
            for tool in Tool::ALL {
                if let Some(value) = self.of(work, tool) {
                    text.push_str(&format!("{} = {value:.2}\n", tool.name()));
                }
            }
        }
        fs::write(path(), text)
    }

    pub(crate) fn set(&mut self, work: Work, tool: Tool, value: f64) {
        self.0.insert((work, tool), value);
    }

    pub(crate) fn of(&self, work: Work, tool: Tool) -> Option<f64> {
        self.0.get(&(work, tool)).copied()
    }

    /// All of them, work by work.
    pub(crate) fn all(&self) -> impl Iterator<Item = ((Work, Tool), f64)> {
        self.0.iter().map(|(&key, &value)| (key, value))
    }
}

fn path() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "benches", "cost", "figures.toml"].iter().collect()
}
