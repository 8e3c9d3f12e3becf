//! Pure: tables as text: CSV, typed lines, JSON, and `Name: value` lines.

use std::fmt::Write as _;

use super::columns::{COLUMNS, Column, MODULES};
use super::info::Field;
use super::rows::Row;
use super::value::{Tags, Value};

/// How a table is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// CSV for `show stat`, `Name: value` lines for `show info`.
    #[default]
    Plain,
    /// A line a value, with its type.
    Typed,
    /// One JSON array.
    Json,
}

/// Fourth letter of typed lines: the value begins anew with the process.
const VOLATILE: char = 'V';

/// `show stat`; `help`: typed lines explain themselves.
#[must_use]
pub fn stat(rows: &[Row], form: Form, help: bool) -> String {
    let mut text = String::new();
    match form {
        Form::Plain => csv(&mut text, rows),
        Form::Typed => rows.iter().for_each(|row| typed_row(&mut text, row, help)),
        Form::Json => json_rows(&mut text, rows),
    }
    text
}

/// The header and a line a row, each with a comma at its end and HAProxy's mark before the columns
/// of modules.
fn csv(text: &mut String, rows: &[Row]) {
    text.push_str("# ");
    for (at, column) in COLUMNS.iter().enumerate() {
        if at == MODULES {
            text.push_str("-,");
        }
        text.push_str(column.name);
        text.push(',');
    }
    text.push('\n');
    for row in rows {
        for (at, cell) in row.cells().iter().enumerate() {
            if at == MODULES {
                text.push_str("-,");
            }
            if let Some(cell) = cell {
                csv_value(text, &cell.value);
            }
            text.push(',');
        }
        text.push('\n');
    }
}

fn csv_value(text: &mut String, value: &Value) {
    match value {
        Value::Text(value) if value.contains([',', '"', '\n', '\r']) => {
            let _ = write!(text, "\"{}\"", value.replace('"', "\"\""));
        }
        value => {
            let _ = write!(text, "{value}");
        }
    }
}

fn typed_row(text: &mut String, row: &Row, help: bool) {
    let (kind, proxy, id) = (row.kind.letter(), row.proxy, row.id);
    for (at, (column, cell)) in COLUMNS.iter().zip(row.cells()).enumerate() {
        let Some(cell) = cell else { continue };
        let (name, tags, value) = (column.name, cell.tags, &cell.value);
        let of = value.type_name();
        let _ = write!(text, "{kind}.{proxy}.{id}.{at}.{name}.1:{tags}{VOLATILE}:{of}:{value}");
        end_line(text, column, help);
    }
}

fn end_line(text: &mut String, column: &Column, help: bool) {
    if help {
        let _ = write!(text, ":\"{}\"", column.help);
    }
    text.push('\n');
}

fn json_rows(text: &mut String, rows: &[Row]) {
    text.push('[');
    for (at, row) in rows.iter().enumerate() {
        text.push_str(if at == 0 { "[" } else { ",[" });
        let cells = COLUMNS.iter().zip(row.cells()).enumerate();
        let cells = cells.filter_map(|(at, (column, cell))| Some((at, column, cell.as_ref()?)));
        for (nth, (at, column, cell)) in cells.enumerate() {
            if nth > 0 {
                text.push(',');
            }
            let (kind, proxy, id) = (row.kind.name(), row.proxy, row.id);
            let _ = write!(text, "{{\"objType\":\"{kind}\",\"proxyId\":{proxy},\"id\":{id},");
            json_field(text, at, column.name, cell.tags, &cell.value);
        }
        text.push(']');
    }
    text.push_str("]\n");
}

/// A field of the process, and the brace that ends its object.
fn json_field(text: &mut String, at: usize, name: &str, tags: &str, value: &Value) {
    json_of(text, at, name, "\"processNum\":1,", tags, value);
}

/// The same; `process` is the field with the process's number.
fn json_of(text: &mut String, at: usize, name: &str, process: &str, tags: &str, value: &Value) {
    let Tags { origin, nature, scope } = Tags::read(tags);
    let _ = write!(
        text,
        "\"field\":{{\"pos\":{at},\"name\":\"{name}\"}},{process}\
         \"tags\":{{\"origin\":\"{origin}\",\"nature\":\"{nature}\",\"scope\":\"{scope}\"}},\
         \"value\":{{\"type\":\"{}\",\"value\":",
        value.type_name()
    );
    match value {
        Value::Text(value) => json_string(text, value),
        value => {
            let _ = write!(text, "{value}");
        }
    }
    text.push_str("}}");
}

fn json_string(text: &mut String, value: &str) {
    text.push('"');
    for c in value.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            c if u32::from(c) < 0x20 => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    text.push('"');
}

/// `show stat domain resolvers`: columns with their tags, and a row for each name server.
#[must_use]
pub fn nameservers(columns: &[(&str, &str)], rows: &[Vec<Value>], form: Form) -> String {
    let mut text = String::new();
    if form == Form::Plain {
        let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
        let _ = writeln!(text, "# {},", names.join(","));
    }
    for (nth, row) in rows.iter().enumerate() {
        if form == Form::Json {
            text.push_str(if nth == 0 { "[" } else { ",[" });
        }
        for (at, ((name, tags), value)) in columns.iter().zip(row).enumerate() {
            match form {
                Form::Plain => {
                    csv_value(&mut text, value);
                    text.push(',');
                }
                Form::Typed => {
                    let of = value.type_name();
                    let _ = writeln!(text, "N.{at}.{name}:{tags}{VOLATILE}:{of}:{value}");
                }
                Form::Json => {
                    text.push_str(if at == 0 { "{" } else { ",{" });
                    json_of(&mut text, at, name, "", tags, value);
                }
            }
        }
        match form {
            Form::Plain => text.push('\n'),
            Form::Typed => {}
            Form::Json => text.push(']'),
        }
    }
    if form == Form::Json { format!("[{text}]\n") } else { text }
}

/// `show info`; `help`: lines explain themselves.
#[must_use]
pub fn info(fields: &[Field], form: Form, help: bool) -> String {
    let mut text = String::new();
    match form {
        Form::Plain => {
            for Field { column, value, .. } in fields {
                let _ = write!(text, "{}: {value}", column.name);
                end_line(&mut text, column, help);
            }
        }
        Form::Typed => {
            for Field { at, column, value } in fields {
                let (name, tags, of) = (column.name, column.tags, value.type_name());
                let _ = write!(text, "{at}.{name}.1:{tags}{VOLATILE}:{of}:{value}");
                end_line(&mut text, column, help);
            }
        }
        Form::Json => {
            text.push('[');
            for (nth, Field { at, column, value }) in fields.iter().enumerate() {
                text.push_str(if nth == 0 { "{" } else { ",{" });
                json_field(&mut text, *at, column.name, column.tags, value);
            }
            text.push_str("]\n");
        }
    }
    text
}
