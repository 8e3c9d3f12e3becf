//! A Markdown table whose columns line up in a terminal too. Pure: rows in, text out.

use std::fmt::{self, Display, Formatter};

/// Rows of cells under a heading; the first columns are words, the others are figures.
#[derive(Debug, Clone)]
pub struct Table {
    rows: Vec<Vec<String>>,
    /// How many columns are words.
    words: usize,
}

impl Table {
    /// A table with this heading, whose first `words` columns are words, and no rows.
    #[must_use]
    pub fn new(words: usize, heading: Vec<String>) -> Self {
        Self { rows: vec![heading], words }
    }

    /// Adds a row; cells past the heading's width are dropped when the table is written.
    pub fn push(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows[0].len();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(3)
        };
        (0..columns).map(width).collect()
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for (index, row) in self.rows.iter().enumerate() {
            for (column, &width) in widths.iter().enumerate() {
                let cell = row.get(column).map_or("", String::as_str);
                if column < self.words {
                    write!(f, "| {cell:<width$} ")?;
                } else {
                    write!(f, "| {cell:>width$} ")?;
                }
            }
            writeln!(f, "|")?;
            if index == 0 {
                for (column, width) in widths.iter().enumerate() {
                    let edge = if column < self.words { '-' } else { ':' };
                    write!(f, "|{:-<1$}{edge}", "", width + 1)?;
                }
                writeln!(f, "|")?;
            }
        }
        Ok(())
    }
}

/// A figure with three significant digits, the way a reader compares them.
#[must_use]
pub fn figure(value: f64) -> String {
    match value.abs() {
        magnitude if magnitude == 0.0 || magnitude >= 100.0 => format!("{value:.0}"),
        magnitude if magnitude >= 10.0 => format!("{value:.1}"),
        magnitude if magnitude >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_missing_cells_are_blank() {
        let mut table = Table::new(1, vec!["work".into(), "µs".into()]);
        table.push(vec!["ping-pong".into(), "11.25".into()]);
        table.push(vec!["bulk".into()]);
        let expected = "| work      |    µs |\n\
                        |-----------|------:|\n\
                        | ping-pong | 11.25 |\n\
                        | bulk      |       |\n";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn figures_keep_three_significant_digits() {
        let shown: Vec<_> = [0.0, 0.0123, 0.5, 11.25, 2488.4].map(figure).to_vec();
        assert_eq!(shown, ["0", "0.0123", "0.50", "11.2", "2488"]);
    }
}
