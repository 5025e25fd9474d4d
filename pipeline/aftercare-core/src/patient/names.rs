//! Texts of one patient, kept once and named by number; texts of rows, shared between patients.

use std::num::NonZeroU32;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// The number of a text in [`Names`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Sym(NonZeroU32);

impl Sym {
    pub(crate) fn number(self) -> u32 {
        self.0.get()
    }

    pub(crate) fn from_number(number: u32) -> Option<Sym> {
        NonZeroU32::new(number).map(Sym)
    }
}

/// The texts, in the order in which they were first met. A text stays when nothing names it any more.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Names {
    texts: String,
    /// Where each text ends.
    ends: Vec<u32>,
}

impl Names {
    /// The number of `text`, given now if it has none yet.
    pub(crate) fn intern(&mut self, text: &str) -> Sym {
        if let Some(known) = self.find(text) {
            return known;
        }
        self.texts.reserve_exact(text.len());
        self.texts.push_str(text);
        self.ends.reserve_exact(1);
        self.ends.push(u32::try_from(self.texts.len()).expect("a patient's texts stay below 4 GiB"));
        let number = u32::try_from(self.ends.len()).ok();
        number.and_then(Sym::from_number).expect("there are fewer texts than bytes of text, and at least one")
    }

    pub(crate) fn find(&self, text: &str) -> Option<Sym> {
        let mut start = 0;
        let position = self.ends.iter().position(|end| {
            let end = usize_of(*end);
            let found = end.wrapping_sub(start) == text.len()
                && self.texts.as_bytes().get(start..end) == Some(text.as_bytes());
            start = end;
            found
        })?;
        Sym::from_number(u32::try_from(position).ok()?.checked_add(1)?)
    }

    /// The text of `sym`; empty for a number that was never given here.
    pub(crate) fn text(&self, sym: Sym) -> &str {
        let position = usize_of(sym.number()).saturating_sub(1);
        let start = position.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(position).copied().unwrap_or(0);
        self.texts.get(usize_of(start)..usize_of(end)).unwrap_or("")
    }
}

fn usize_of(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Texts that rows share: the same hospital, clinician or plan comes again and again. One place for each hash, so that
/// it never grows beyond its places.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared(Vec<Option<Arc<str>>>);

const PLACES: usize = 256;

impl Shared {
    pub(super) fn text(&mut self, text: &str) -> Arc<str> {
        if self.0.is_empty() {
            self.0.resize(PLACES, None);
        }
        let place = usize::from(xxh3_64(text.as_bytes()).to_le_bytes()[0]);
        match self.0.get_mut(place) {
            Some(Some(known)) if **known == *text => known.clone(),
            Some(known) => known.insert(Arc::from(text)).clone(),
            None => Arc::from(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_keep_their_numbers() {
        let mut names = Names::default();
        let texts = ["saq-7", "", "saq", "saq-7x"];
        let syms = texts.map(|text| names.intern(text));
        assert_eq!(syms.map(|sym| names.text(sym)), texts);
        assert_eq!(texts.map(|text| names.intern(text)), syms);
        assert_eq!(names.find("aq"), None);
        assert_eq!(names.text(Sym::from_number(9).unwrap()), "");
    }

    #[test]
    fn shared_texts_are_the_texts() {
        let mut shared = Shared::default();
        for round in 0..3 {
            for number in 0..1_000 {
                let text = format!("text {number}");
                assert_eq!(*shared.text(&text), *text, "{round}");
            }
        }
        assert!(Arc::ptr_eq(&shared.text("again"), &shared.text("again")));
    }
}
