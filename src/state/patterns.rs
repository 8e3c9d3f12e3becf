//! Patterns as they run: those of the configuration, which commands may change.
//!
//! A *reference* is a source of patterns with a number and perhaps a file's name; every place that
//! uses it has its own compiled form. A change compiles all forms of a reference anew and swaps
//! them, so that a lookup sees all of a change or nothing.

use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use crate::config::model::{PatternSet, PatternSource, Place};
use crate::pure::acl::pattern::{Entry, Found, Method, Patterns, PatternsId};
use crate::pure::acl::versions::Versions;
use crate::pure::sample::convert::checked_output;
use crate::pure::sample::{Kind, Value};

/// All patterns of a configuration.
#[derive(Debug, Default)]
pub struct Registry {
    /// The forms that each use tries, in order.
    uses: Vec<Vec<(usize, usize)>>,
    references: Vec<Reference>,
}

/// One source of patterns.
#[derive(Debug)]
pub struct Reference {
    /// What commands know it by: `#0`.
    pub id: u32,
    /// The file it was read from, as it was written.
    pub file: Option<String>,
    /// Commands on maps know it.
    pub is_map: bool,
    /// Commands on ACLs know it.
    pub is_acl: bool,
    /// Where it is used, for people.
    pub description: String,
    forms: Vec<Form>,
    versions: Mutex<Versions>,
}

/// What one way to compare found.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// How it compares.
    pub method: Method,
    /// `-i`.
    pub ignores_case: bool,
    /// A map's: what its values are.
    pub output: Option<Kind>,
    /// The first entry that matches.
    pub found: Option<Entry>,
}

#[derive(Debug)]
struct Form {
    method: Method,
    ignores_case: bool,
    output: Option<Kind>,
    patterns: ArcSwap<Patterns>,
}

impl Registry {
    /// The patterns of a configuration that was validated.
    #[must_use]
    pub fn new(sets: &[PatternSet]) -> Self {
        let mut registry = Self::default();
        let taken: Vec<u32> = sets.iter().filter_map(|set| set.unique_id).collect();
        let mut ids = (0..).filter(|id| !taken.contains(id));
        // Numbers follow the lines of the configuration, as HAProxy reads them.
        let mut order: Vec<usize> = (0..sets.len()).collect();
        order.sort_by_key(|&at| sets[at].place.order());
        registry.uses.resize_with(sets.len(), Vec::new);
        for at_set in order {
            let set = &sets[at_set];
            let mut forms = Vec::new();
            for source in &set.sources {
                let shared = source.file.as_ref().and_then(|file| {
                    let same = |known: &Reference| known.file.as_ref() == Some(file);
                    registry.references.iter().position(same)
                });
                let at = shared.unwrap_or_else(|| {
                    let written = set.unique_id.filter(|_| source.file.is_none());
                    let id = written.or_else(|| ids.next()).unwrap_or(u32::MAX);
                    registry.references.push(Reference::new(id, source, set));
                    registry.references.len() - 1
                });
                let reference = &mut registry.references[at];
                reference.used_by(set, source);
                forms.push((at, reference.form(set, source.ignores_case, &source.entries)));
            }
            registry.uses[at_set] = forms;
        }
        registry
    }

    /// The first pattern of a use that `value` matches.
    #[must_use]
    pub fn find(&self, id: PatternsId, value: &Value) -> Option<Found> {
        self.forms(id).find_map(|form| {
            let patterns = form.patterns.load();
            let entry = patterns.find(value)?;
            Some(Found { pattern: entry.pattern.clone(), value: entry.value.clone() })
        })
    }

    /// `template` with the groups of the expression that `value` matches.
    #[must_use]
    pub fn fill(&self, id: PatternsId, value: &Value, template: &str) -> Option<Vec<u8>> {
        self.forms(id).find_map(|form| form.patterns.load().fill(value, template))
    }

    fn forms(&self, id: PatternsId) -> impl Iterator<Item = &Form> {
        let forms = self.uses.get(id.0).into_iter().flatten();
        forms.map(|&(reference, form)| &self.references[reference].forms[form])
    }

    /// All references, in the order of the configuration.
    #[must_use]
    pub fn references(&self) -> &[Reference] {
        &self.references
    }

    /// The reference that a command calls `#id`, or by its file's name.
    #[must_use]
    pub fn reference(&self, name: &str) -> Option<&Reference> {
        match name.strip_prefix('#') {
            Some(id) => {
                let id: u32 = id.parse().ok()?;
                self.references.iter().find(|reference| reference.id == id)
            }
            None => self.references.iter().find(|known| known.file.as_deref() == Some(name)),
        }
    }
}

impl Reference {
    fn new(id: u32, source: &PatternSource, set: &PatternSet) -> Self {
        Self {
            id,
            file: source.file.clone(),
            is_map: false,
            is_acl: false,
            description: match &source.file {
                Some(file) => format!("pattern loaded from file '{file}' used"),
                None => format!("acl '{}'", set.sample.as_deref().unwrap_or_default()),
            },
            forms: Vec::new(),
            versions: Mutex::new(Versions::new(source.entries.clone())),
        }
    }

    fn used_by(&mut self, set: &PatternSet, source: &PatternSource) {
        self.is_map |= source.is_map;
        self.is_acl |= set.sample.is_some();
        let Place { file, line, .. } = &set.place;
        if source.file.is_some() {
            let noun = if source.is_map { "map" } else { "acl" };
            let comma = if self.description.ends_with("used") { "" } else { "," };
            let _ = write!(self.description, "{comma} by {noun} at");
        }
        let _ = write!(self.description, " file '{file}' line {line}");
    }

    fn form(&mut self, set: &PatternSet, ignores_case: bool, entries: &[Entry]) -> usize {
        let same = |form: &Form| {
            form.method == set.method
                && form.ignores_case == ignores_case
                && form.output == set.output
        };
        if let Some(known) = self.forms.iter().position(same) {
            return known;
        }
        let patterns = Patterns::compile(set.method, ignores_case, entries.to_vec());
        let patterns = patterns.expect("validation has compiled them");
        let (method, output) = (set.method, set.output);
        let patterns = ArcSwap::from_pointee(patterns);
        self.forms.push(Form { method, ignores_case, output, patterns });
        self.forms.len() - 1
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Versions> {
        // A change is compiled before it is kept: what is here is whole.
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether commands on maps know it, or those on ACLs.
    #[must_use]
    pub const fn belongs(&self, to_maps: bool) -> bool {
        if to_maps { self.is_map } else { self.is_acl }
    }

    /// What it holds now, in all versions.
    #[must_use]
    pub fn versions(&self) -> Versions {
        self.lock().clone()
    }

    /// What `text` matches, in each way that places of the configuration compare with.
    #[must_use]
    pub fn lookups(&self, text: &str) -> Vec<Lookup> {
        let found = |form: &Form| {
            let value = Value::text(text).cast(form.method.looks_at())?;
            form.patterns.load().find(&value).cloned()
        };
        let lookup = |form: &Form| Lookup {
            method: form.method,
            ignores_case: form.ignores_case,
            output: form.output,
            found: found(form),
        };
        self.forms.iter().map(lookup).collect()
    }

    /// Whether every place that uses this could hold `entry`.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn check(&self, entry: &Entry) -> Result<(), String> {
        for form in &self.forms {
            Patterns::compile(form.method, form.ignores_case, vec![entry.clone()])
                .map_err(|(_, why)| why)?;
        }
        self.check_value(entry.value.as_deref().unwrap_or_default())
    }

    /// Whether every place that uses this could take `text` as a value.
    ///
    /// # Errors
    /// Says that one cannot.
    pub fn check_value(&self, text: &str) -> Result<(), String> {
        let mut kinds = self.forms.iter().filter_map(|form| form.output);
        match kinds.find(|&kind| checked_output(text, kind).is_none()) {
            Some(_) => Err(format!("unable to parse '{text}'.")),
            None => Ok(()),
        }
    }

    /// Every form of `entries`, in the order of [`cells`](Self::cells).
    pub(super) fn compiled(&self, entries: &[Entry]) -> Result<Vec<Patterns>, String> {
        let compile = |form: &Form| {
            Patterns::compile(form.method, form.ignores_case, entries.to_vec())
                .map_err(|(_, why)| why)
        };
        self.forms.iter().map(compile).collect()
    }

    /// For [`publish`](super::publish) only.
    pub(super) fn cells(&self) -> impl Iterator<Item = &ArcSwap<Patterns>> {
        self.forms.iter().map(|form| &form.patterns)
    }
}
