//! What should stand in the ledger, before it is compared with what does.

use std::rc::Rc;
use std::sync::Arc;

use super::entry::EntryKind;
use super::lang::{Exact, Slot, Value};
use crate::facts::Source;
use crate::money::Minor;
use crate::time::Instant;

/// One entry that should stand.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) kind: EntryKind,
    /// Place of the rule among those of the document, those of pools after the others.
    pub(super) rule: usize,
    pub(super) clause: Arc<str>,
    pub(super) component: Arc<str>,
    pub(super) cause: Arc<str>,
    /// Who owes; of a posting in whose books it is, of a measure the pool's key.
    pub(super) payer: Option<Party>,
    pub(super) payee: Option<Party>,
    pub(super) accounts: Option<(Arc<str>, Arc<str>)>,
    pub(super) amount: Minor,
    pub(super) triggered_at: Instant,
    pub(super) why: Option<Arc<str>>,
    /// The component before it was split.
    pub(super) total: Option<Minor>,
    /// The payer's weight in the split, and that of all payers.
    pub(super) share: Option<(Exact, Exact)>,
    /// What the rule's names stood for.
    pub(super) names: Rc<[(Slot, Value)]>,
    pub(super) source: Source,
}

/// Who, and in which role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Party {
    pub(super) id: Arc<str>,
    pub(super) role: Option<Arc<str>>,
}
