//! What the names of an expression stand for.

use std::sync::Arc;

use super::check::compile_body;
use super::functions;
use super::program::Body;
use super::types::{RecordType, Type, parse_type};
use crate::documents::Problem;

/// Where a variable's value lies in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub usize);

/// A function that the host answers: its number in the order of declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostFn(pub usize);

/// How many names a scope had.
#[derive(Clone, Copy, Debug)]
pub struct Mark(usize);

/// The name of the day of the evaluation, known in every scope.
pub const TODAY: &str = "today";

/// The names that expressions may use: variables, values and functions of the document, functions of the host. A name
/// declared again hides the one before.
#[derive(Clone, Debug)]
pub struct Scope {
    decimals: u32,
    names: Vec<(Box<str>, Name)>,
    records: Vec<Arc<RecordType>>,
    slots: usize,
    hosts: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Name {
    Variable(Slot, Type),
    Value(Slot, Arc<Body>),
    Function(Vec<Type>, Arc<Body>),
    Host(HostFn, Vec<Type>, Type),
}

impl Scope {
    /// A scope without names, for a currency with that many decimals.
    pub fn new(currency_decimals: u32) -> Scope {
        Scope { decimals: currency_decimals, names: Vec::new(), records: Vec::new(), slots: 0, hosts: 0 }
    }

    /// Declares a variable; its value is set in the frame.
    pub fn declare(&mut self, name: &str, ty: Type) -> Slot {
        let slot = self.next_slot();
        self.add(name, Name::Variable(slot, ty));
        slot
    }

    /// Makes a record type known by its name.
    pub fn record_type(&mut self, record: Arc<RecordType>) {
        self.records.push(record);
    }

    /// Declares a value that is computed when it is first asked for and then kept in the frame, until
    /// [`Frame::forget`](super::Frame::forget).
    pub fn value(&mut self, name: &str, source: &str, place: &str) -> Result<Slot, Vec<Problem>> {
        let body = compile_body(source, self, place, &[])?;
        let slot = self.next_slot();
        self.add(name, Name::Value(slot, Arc::new(body)));
        Ok(slot)
    }

    /// Declares a function of the document. Its source sees what has been declared before, so none calls itself. The
    /// parameters hide names declared before; they can't be words of the language.
    pub fn define(
        &mut self,
        name: &str,
        params: Vec<(String, Type)>,
        source: &str,
        place: &str,
    ) -> Result<(), Vec<Problem>> {
        let words: Vec<Problem> = params
            .iter()
            .filter(|(param, _)| functions::is_word(param))
            .map(|(param, _)| Problem {
                place: place.to_owned(),
                message: format!("has a parameter `{param}`, which is a word of the language"),
            })
            .collect();
        if !words.is_empty() {
            return Err(words);
        }
        let body = compile_body(source, self, place, &params)?;
        let types = params.into_iter().map(|(_, ty)| ty).collect();
        self.add(name, Name::Function(types, Arc::new(body)));
        Ok(())
    }

    /// Declares a function that the host answers.
    pub fn host(&mut self, name: &str, params: Vec<Type>, result: Type) -> HostFn {
        let function = HostFn(self.hosts);
        self.hosts += 1;
        self.add(name, Name::Host(function, params, result));
        function
    }

    /// Notes which names there are.
    pub fn mark(&self) -> Mark {
        Mark(self.names.len())
    }

    /// Names declared since `mark` are out of scope. Their slots are not used again.
    pub fn release(&mut self, mark: Mark) {
        self.names.truncate(mark.0);
    }

    /// How many slots a frame needs.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Decimals of the currency.
    pub fn decimals(&self) -> u32 {
        self.decimals
    }

    /// Reads a type, records by the names known here.
    pub fn parse_type(&self, text: &str) -> Option<Type> {
        let named = |name: &str| self.records.iter().rev().find(|record| *record.name == *name).cloned();
        parse_type(text, &named)
    }

    /// The type of a variable or value in scope.
    pub fn type_of(&self, name: &str) -> Option<&Type> {
        match self.find(name)? {
            Name::Variable(_, ty) => Some(ty),
            Name::Value(_, body) => Some(&body.ty),
            Name::Function(..) | Name::Host(..) => None,
        }
    }

    /// Why `name` can't be declared, as the rest of a sentence; `None` where it can.
    pub fn objection(&self, name: &str) -> Option<String> {
        let starts = name.starts_with(|first: char| first.is_ascii_lowercase());
        if !starts || !name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_')) {
            return Some(format!("`{name}` is no name: small letters, digits and _, a letter first"));
        }
        if functions::is_word(name) {
            return Some(format!("`{name}` is a word of the language"));
        }
        self.find(name).map(|_| format!("`{name}` is already the name of something else"))
    }

    pub(super) fn find(&self, name: &str) -> Option<&Name> {
        self.names.iter().rev().find(|(known, _)| **known == *name).map(|(_, what)| what)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|(name, _)| &**name)
    }

    fn add(&mut self, name: &str, what: Name) {
        self.names.push((name.into(), what));
    }

    fn next_slot(&mut self) -> Slot {
        self.slots += 1;
        Slot(self.slots - 1)
    }
}
