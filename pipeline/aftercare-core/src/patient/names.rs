//! Texts of one patient, kept once and named by number.

use std::num::NonZeroU32;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The number of a text in [`Names`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Sym(NonZeroU32);

impl Sym {
    pub(super) fn number(self) -> u32 {
        self.0.get()
    }

    pub(super) fn from_number(number: u32) -> Option<Sym> {
        NonZeroU32::new(number).map(Sym)
    }
}

/// The texts, in the order in which they were first met. A text stays when nothing names it any more.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Names(Vec<Arc<str>>);

impl Names {
    /// The number of `text`, given now if it has none yet.
    pub(super) fn intern(&mut self, text: &str) -> Sym {
        if let Some(known) = self.find(text) {
            return known;
        }
        self.0.push(Arc::from(text));
        u32::try_from(self.0.len())
            .ok()
            .and_then(Sym::from_number)
            .expect("a patient's texts fill memory before they fill 32 bits")
    }

    pub(super) fn find(&self, text: &str) -> Option<Sym> {
        let position = self.0.iter().position(|known| **known == *text)?;
        Sym::from_number(u32::try_from(position).ok()?.checked_add(1)?)
    }

    /// The text of `sym`; empty for a number that was never given here.
    pub(super) fn text(&self, sym: Sym) -> &str {
        self.shared(sym).map_or("", |text| text)
    }

    pub(super) fn shared(&self, sym: Sym) -> Option<&Arc<str>> {
        self.0.get(usize::try_from(sym.number()).ok()?.checked_sub(1)?)
    }
}
