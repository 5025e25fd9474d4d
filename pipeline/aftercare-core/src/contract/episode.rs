//! An episode as the enrolments in force describe it.

use super::book::LedgerBook;
use super::facts::{Known, Statement, in_force};
use crate::patient::OwnedAttribution;
use crate::patient::names::Sym;
use crate::time::Instant;

/// What the statements say about one episode.
#[derive(Clone, Copy)]
pub(super) struct EpisodeView<'b> {
    book: &'b LedgerBook,
    pub(super) id: Sym,
    pub(super) treated_at: Option<Instant>,
    pub(super) device: Option<Sym>,
    pub(super) manufacturer: Option<Sym>,
    pub(super) procedure: Option<Sym>,
    /// When both device and manufacturer were stored.
    pub(super) known_since: Option<Instant>,
}

impl<'b> EpisodeView<'b> {
    pub(super) fn new(book: &'b LedgerBook, id: Sym) -> EpisodeView<'b> {
        let mut view = EpisodeView {
            book,
            id,
            treated_at: None,
            device: None,
            manufacturer: None,
            procedure: None,
            known_since: None,
        };
        view.treated_at = view.whole(|statement| statement.treated_at);
        view.procedure = view.whole(|statement| statement.procedure);
        view.device = view.whole(|statement| Some(statement.device?.value));
        view.manufacturer = view.whole(|statement| Some(statement.manufacturer?.value));
        let since = |field: fn(&Statement) -> Option<Known>| {
            view.statements().filter_map(|statement| Some(field(statement)?.since)).min()
        };
        let device = since(|statement| statement.device);
        let manufacturer = since(|statement| statement.manufacturer);
        view.known_since = device.zip(manufacturer).map(|(device, manufacturer)| device.max(manufacturer));
        view
    }

    pub(super) fn statements(&self) -> impl Iterator<Item = &'b Statement> {
        let (book, id) = (self.book, self.id);
        in_force(&book.statements, None).filter(move |statement| statement.episode == id)
    }

    /// A field that corrects the whole episode: the newest statement that says it.
    fn whole<T>(&self, field: impl Fn(&'b Statement) -> Option<T>) -> Option<T> {
        let said = self.statements().filter_map(|statement| Some((statement, field(statement)?)));
        let newest =
            said.max_by_key(|(statement, _)| (statement.recorded_at, self.book.names.text(statement.id)));
        newest.map(|(_, value)| value)
    }

    /// A dated field: the latest statement that says it and is in effect at `at`.
    pub(super) fn in_effect<T>(&self, at: Instant, field: impl Fn(&'b Statement) -> Option<T>) -> Option<T> {
        let said = self.statements().filter(|statement| statement.effective_at <= at);
        let said = said.filter_map(|statement| Some((statement, field(statement)?)));
        said.max_by_key(|(statement, _)| self.order(statement)).map(|(_, value)| value)
    }

    /// As [`EpisodeView::in_effect`]; before the first takes effect, the first.
    pub(super) fn dated<T>(&self, at: Instant, field: impl Fn(&'b Statement) -> Option<T>) -> Option<T> {
        self.in_effect(at, &field).or_else(|| {
            let said = self.statements().filter_map(|statement| Some((statement, field(statement)?)));
            let first = said.min_by_key(|(statement, _)| {
                let newest_first =
                    std::cmp::Reverse((statement.recorded_at, self.book.names.text(statement.id)));
                (statement.effective_at, newest_first)
            });
            first.map(|(_, value)| value)
        })
    }

    fn order(&self, statement: &Statement) -> (Instant, Instant, &'b str) {
        (statement.effective_at, statement.recorded_at, self.book.names.text(statement.id))
    }

    /// Who a fact of `at` belongs to.
    pub(super) fn attribution(&self, at: Instant) -> OwnedAttribution {
        let text = |sym: Option<Sym>| sym.map(|sym| self.book.text(sym));
        OwnedAttribution {
            organisation: text(self.dated(at, |statement| statement.organisation)),
            care_team: text(self.dated(at, |statement| statement.care_team)),
            clinician_id: text(self.dated(at, |statement| statement.clinician)),
            manufacturer: text(self.manufacturer),
            procedure: text(self.procedure),
        }
    }
}
