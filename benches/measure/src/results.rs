//! Keeps a run: `benches/results/DATE-NAME.md` for people, and beside it one JSON line for
//! each measure for programs.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The folder of kept results in this repository.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("results")
}

/// Writes both files into `folder`, replacing an earlier run of that date and name, and returns
/// the Markdown file's path.
///
/// # Errors
/// When a file cannot be written; the error names it.
pub fn save(
    folder: &Path,
    date: &str,
    name: &str,
    markdown: &str,
    measures: &[Value],
) -> io::Result<PathBuf> {
    let page = folder.join(format!("{date}-{name}.md"));
    write(&page, markdown)?;
    let lines: String = measures.iter().map(|measure| format!("{measure}\n")).collect();
    write(&page.with_extension("jsonl"), &lines)?;
    Ok(page)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text)
        .map_err(|error| io::Error::new(error.kind(), format!("write {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_and_its_lines_stand_side_by_side() {
        let folder = std::env::temp_dir().join(format!("measure-results-{}", std::process::id()));
        let measures = [serde_json::json!({"a": 1}), serde_json::json!({"b": 2})];
        let page = save(&folder, "2026-11-21", "compare", "# Run\n", &measures).expect("saved");
        assert_eq!(page, folder.join("2026-11-21-compare.md"));
        assert_eq!(std::fs::read_to_string(&page).expect("page"), "# Run\n");
        let lines = std::fs::read_to_string(page.with_extension("jsonl")).expect("lines");
        assert_eq!(lines, "{\"a\":1}\n{\"b\":2}\n");
        std::fs::remove_dir_all(folder).expect("the folder was created");
    }
}
