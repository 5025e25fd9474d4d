//! What expressions see of a case: the types of records, and the names they have.

use std::sync::Arc;
use std::sync::LazyLock;

use super::lang::{HostFn, RecordType, Scope, Slot, Type};

/// The types of the records, one of each for the whole program.
pub(super) struct Types {
    pub(super) episode: Arc<RecordType>,
    pub(super) standing: Arc<RecordType>,
    pub(super) upload: Arc<RecordType>,
    pub(super) review: Arc<RecordType>,
    pub(super) event: Arc<RecordType>,
    pub(super) part: Arc<RecordType>,
    pub(super) commerce: Arc<RecordType>,
    pub(super) statement: Arc<RecordType>,
    pub(super) component: Arc<RecordType>,
    pub(super) line: Arc<RecordType>,
}

/// See [`Types`].
pub(super) static TYPES: LazyLock<Types> = LazyLock::new(Types::new);

use Type::{Bool, Date, Decimal, Int, Money, Text, Time};

impl Types {
    fn new() -> Types {
        let part = record("part", [("kind", Text), ("role", Text), ("payer", Text), ("amount", Money)]);
        let head = [("id", Text), ("revision", Int), ("source", Text)];
        let happened = [("kind", Text), ("on", Date), ("at", Time), ("stored", Date)];
        Types {
            episode: record(
                "episode",
                [
                    ("id", Text),
                    ("treated", Date),
                    ("treated_at", Time),
                    ("procedure", Text),
                    ("device", Text),
                    ("manufacturer", Text),
                    ("known", Date),
                    ("organisation", Text),
                    ("source", Text),
                ],
            ),
            standing: record(
                "standing",
                [
                    ("clinician", Text),
                    ("organisation", Text),
                    ("care_team", Text),
                    ("contract", Text),
                    ("plan", Text),
                    ("vip", Bool),
                    ("consent", Bool),
                    ("status", Text),
                ],
            ),
            upload: record(
                "upload",
                head.clone().into_iter().chain([
                    ("answered", Date),
                    ("answered_at", Time),
                    ("uploaded", Date),
                    ("uploaded_at", Time),
                    ("score", Decimal),
                    ("baseline", Decimal),
                    ("index", Decimal),
                    ("missing", Text),
                    ("expected", Decimal),
                    ("n", Int),
                    ("edition", Text),
                ]),
            ),
            review: record(
                "review",
                head.clone().into_iter().chain([
                    ("clinician", Text),
                    ("upload", Text),
                    ("ended", Date),
                    ("ended_at", Time),
                    ("service", Bool),
                    ("reason", Text),
                    ("seconds", Decimal),
                    ("interactions", Int),
                    ("sections", Int),
                    ("burst_patients", Int),
                    ("rule", Text),
                ]),
            ),
            event: record(
                "event",
                head.clone().into_iter().chain(happened.clone()).chain([
                    ("until", Date),
                    ("until_at", Time),
                    ("coding", Text),
                    ("code", Text),
                    ("result", Text),
                    ("value", Decimal),
                    ("unit", Text),
                    ("comparator", Text),
                    ("related", Text),
                    ("provider", Text),
                    ("amount", Money),
                    ("category", Text),
                    ("nature", Text),
                    ("parts", list(&part)),
                ]),
            ),
            commerce: record(
                "commerce",
                head.clone().into_iter().chain(happened).chain([
                    ("purchase", Text),
                    ("contract", Text),
                    ("product", Text),
                    ("product_version", Int),
                    ("item", Text),
                    ("quantity", Int),
                    ("buyer", Text),
                    ("side", Text),
                    ("actor", Text),
                    ("decision", Text),
                    ("reason", Text),
                    ("amount", Money),
                    ("points", Int),
                ]),
            ),
            statement: record(
                "statement",
                [
                    ("id", Text),
                    ("on", Date),
                    ("stored", Date),
                    ("clinician", Text),
                    ("organisation", Text),
                    ("contract", Text),
                    ("plan", Text),
                    ("status", Text),
                    ("vip", Bool),
                    ("consent", Bool),
                    ("device", Text),
                    ("manufacturer", Text),
                ],
            ),
            component: record(
                "component",
                [
                    ("rule", Text),
                    ("component", Text),
                    ("cause", Text),
                    ("on", Date),
                    ("total", Money),
                    ("tag", Text),
                ],
            ),
            line: record(
                "line",
                [
                    ("rule", Text),
                    ("component", Text),
                    ("cause", Text),
                    ("on", Date),
                    ("payer", Text),
                    ("role", Text),
                    ("payee", Text),
                    ("amount", Money),
                    ("tag", Text),
                ],
            ),
            part,
        }
    }
}

fn record(name: &str, fields: impl IntoIterator<Item = (&'static str, Type)>) -> Arc<RecordType> {
    Arc::new(RecordType::new(name, fields))
}

fn list(of: &Arc<RecordType>) -> Type {
    Type::List(Box::new(Type::Record(of.clone())))
}

/// Where the facts of a case go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slots {
    pub(super) start: Slot,
    pub(super) contract_id: Slot,
    pub(super) episode: Slot,
    pub(super) uploads: Slot,
    pub(super) reviews: Slot,
    pub(super) events: Slot,
    pub(super) commerce: Slot,
    pub(super) statements: Slot,
    pub(super) purchase: Slot,
    pub(super) components: Option<Slot>,
    pub(super) lines: Option<Slot>,
    pub(super) key: Option<Slot>,
}

/// The names of the functions that ask the case, in the order of their declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    AsOf,
    Settled,
    Measured,
    EventsStoredBefore,
    CommerceStoredBefore,
    StatementsStoredBefore,
}

impl Asked {
    pub(super) fn of(function: HostFn) -> Option<Asked> {
        use Asked::*;
        let all = [AsOf, Settled, Measured, EventsStoredBefore, CommerceStoredBefore, StatementsStoredBefore];
        all.get(function.0).copied()
    }
}

impl Slots {
    /// Declares what every expression of a document sees.
    pub(super) fn declare(scope: &mut Scope) -> Slots {
        let types = &*TYPES;
        let all = [
            &types.episode,
            &types.standing,
            &types.upload,
            &types.review,
            &types.event,
            &types.part,
            &types.commerce,
            &types.statement,
            &types.component,
            &types.line,
        ];
        for of in all {
            scope.record_type(of.clone());
        }
        scope.host("as_of", vec![Date], Type::Record(types.standing.clone()));
        scope.host("settled", vec![Text, Text], Int);
        scope.host("measured", vec![Text], Int);
        scope.host("events_stored_before", vec![Date], list(&types.event));
        scope.host("commerce_stored_before", vec![Date], list(&types.commerce));
        scope.host("statements_stored_before", vec![Date], list(&types.statement));
        let mut declare = |name: &str, ty: Type| scope.declare(name, ty);
        Slots {
            start: declare("start", Date),
            contract_id: declare("contract_id", Text),
            episode: declare("episode", Type::Record(types.episode.clone())),
            uploads: declare("uploads", list(&types.upload)),
            reviews: declare("reviews", list(&types.review)),
            events: declare("events", list(&types.event)),
            commerce: declare("commerce", list(&types.commerce)),
            statements: declare("statements", list(&types.statement)),
            purchase: declare("purchase", Type::Record(types.commerce.clone())),
            components: None,
            lines: None,
            key: None,
        }
    }

    /// Declares what only rules see: what was made before them.
    pub(super) fn declare_made(&mut self, scope: &mut Scope) {
        self.components = Some(scope.declare("components", list(&TYPES.component)));
        self.lines = Some(scope.declare("lines", list(&TYPES.line)));
    }

    /// Declares what only rules of a pool see.
    pub(super) fn declare_pool(&mut self, scope: &mut Scope) {
        self.key = Some(scope.declare("key", Text));
    }
}
