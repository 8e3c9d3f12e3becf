//! Pure: patterns of ACLs and maps, read from their files and compiled once for the mistakes in them.

use std::path::Path;

use haproxy_compat::addr::{Family, Host};

use super::context::Context;
use crate::config::model::{PatternSet, PatternSource, Place};
use crate::pure::acl::pattern::{
    Entry, Method, Origin, PatternUse, Patterns, PatternsId, Source, file_lines,
};
use crate::pure::sample::convert::checked_output;
use crate::pure::sample::{Definitions, FileName, Kind, Presence};

/// The entries of a file, each with its line's number, or why it cannot be read.
pub(super) type Lines = Result<Vec<(usize, Entry)>, String>;

impl Definitions for Context<'_> {
    fn environment(&self, name: &str) -> Option<String> {
        self.environment.get(name).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    fn speaks_http(&self) -> bool {
        self.speaks_http
    }

    fn reads_requests(&self) -> bool {
        self.speaks_http || self.reads_rules
    }

    fn content(&mut self, file: &str) -> Result<Vec<u8>, String> {
        let read = self.world.read(Path::new(file));
        read.map_err(|why| format!("cannot read '{file}': {why}"))
    }

    fn table(&mut self, name: Option<&str>) -> Option<String> {
        self.own_table(name)
    }

    fn patterns(&mut self, written: PatternUse) -> Result<PatternsId, String> {
        let PatternUse { method, sources, output, unique_id, sample, predefined } = written;
        let place = self.rulebook.tables.place.clone();
        // HAProxy keeps a predefined ACL with its proxy, once it is used.
        let key = predefined.and_then(|name| Some((place.as_ref()?.1.clone(), name)));
        if let Some(&known) = key.as_ref().and_then(|key| self.rulebook.predefined.get(key)) {
            let first = &mut self.rulebook.patterns[known.0].place;
            let place = Place::of(place.map(|place| place.0));
            if place.order() < first.order() {
                *first = place;
            }
            return Ok(known);
        }
        let book = &mut self.rulebook;
        let shared =
            place.as_ref().zip(book.statement.as_mut()).map(|((_, owner), (text, met))| {
                *met += 1;
                (owner.clone(), text.clone(), *met)
            });
        if let Some(&known) = shared.as_ref().and_then(|shared| book.shared.get(shared)) {
            return Ok(known);
        }
        let sources: Result<Vec<PatternSource>, String> =
            sources.into_iter().map(|source| self.pattern_source(method, output, source)).collect();
        let book = &mut self.rulebook;
        let place = Place::of(place.map(|place| place.0));
        let sources = sources?;
        book.patterns.push(PatternSet { method, output, unique_id, sample, place, sources });
        let id = PatternsId(book.patterns.len() - 1);
        book.predefined.extend(key.map(|key| (key, id)));
        book.shared.extend(shared.map(|shared| (shared, id)));
        Ok(id)
    }
}

impl Context<'_> {
    fn pattern_source(
        &mut self,
        method: Method,
        output: Option<Kind>,
        source: Source,
    ) -> Result<PatternSource, String> {
        let ignores_case = source.ignores_case;
        let (file, is_map, lines) = match source.origin {
            Origin::Written(texts) => {
                let entry = |pattern| (0, Entry { pattern, value: None });
                (None, false, texts.into_iter().map(entry).collect())
            }
            Origin::File { file, is_map } => {
                let lines = self.file(&file, is_map)?;
                (Some(file.name), is_map, lines)
            }
        };
        let place = |number: usize, why: String| match &file {
            Some(file) => format!("{file}:{number}: {why}"),
            None => why,
        };
        let numbers: Vec<usize> = lines.iter().map(|line| line.0).collect();
        let mut entries: Vec<Entry> = lines.into_iter().map(|line| line.1).collect();
        if method == Method::Ip && source.resolves {
            for (entry, &number) in entries.iter_mut().zip(&numbers) {
                self.resolve_pattern(entry).map_err(|why| place(number, why))?;
            }
        }
        Patterns::compile(method, ignores_case, entries.clone())
            .map_err(|(index, why)| place(numbers[index], why))?;
        if let Some(kind) = output {
            for (entry, &number) in entries.iter().zip(&numbers) {
                let value = entry.value.as_deref().unwrap_or_default();
                if checked_output(value, kind).is_none() {
                    let why = format!("'{value}' is no {}", kind.word());
                    return Err(place(number, why));
                }
            }
        }
        Ok(PatternSource { file, is_map, ignores_case, entries })
    }

    /// Puts the address of a host in the place of its name; as in HAProxy the first of IPv4.
    fn resolve_pattern(&mut self, entry: &mut Entry) -> Result<(), String> {
        let (name, mask) = match entry.pattern.split_once('/') {
            Some((name, mask)) => (name, Some(mask)),
            None => (entry.pattern.as_str(), None),
        };
        let is_name = !name.contains(':') && name.contains(|c: char| c.is_ascii_alphabetic());
        if is_name {
            let address = self
                .lookup(&Host::Name(name.to_owned()), Family::V4)
                .map_err(|why| format!("cannot resolve '{name}': {why}"))?;
            let mask = mask.map(|mask| format!("/{mask}")).unwrap_or_default();
            entry.pattern = format!("{address}{mask}");
        }
        Ok(())
    }

    fn file(&mut self, file: &FileName, is_map: bool) -> Result<Vec<(usize, Entry)>, String> {
        let key = (file.clone(), is_map);
        if let Some(read) = self.rulebook.files.get(&key) {
            return read.clone();
        }
        let bytes = match file.path() {
            None => Ok(Vec::new()),
            Some(path) => self.world.read(Path::new(path)),
        };
        let read = match bytes {
            Ok(bytes) => {
                Ok(file_lines(&String::from_utf8_lossy(&bytes), is_map).collect::<Vec<_>>())
            }
            Err(_) if file.presence == Presence::Optional => Ok(Vec::new()),
            Err(why) => Err(format!("cannot read '{}': {why}", file.name)),
        };
        self.rulebook.files.insert(key, read.clone());
        read
    }
}
