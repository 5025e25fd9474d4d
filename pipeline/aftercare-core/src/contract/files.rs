//! The facts of one case as expressions see them.

use std::sync::Arc;

use super::book::LedgerBook;
use super::document::ContractDocument;
use super::episode::EpisodeView;
use super::facts::{Event, Review, Statement, Told, Trade, Upload, in_force};
use super::lang::{Exact, Host, HostFn, Record, RecordType, Value};
use super::records::{Asked, TYPES};
use super::settlements::Settlements;
use crate::money::{Millionths, Minor};
use crate::patient::names::Sym;
use crate::time::Instant;

/// One case: whose facts are looked at.
#[derive(Clone, Copy)]
pub(super) struct Files<'c> {
    pub(super) book: &'c LedgerBook,
    pub(super) document: &'c ContractDocument,
    pub(super) settlements: &'c Settlements,
    /// The episode, where there is one.
    pub(super) view: Option<&'c EpisodeView<'c>>,
    /// The pool's key, where the case is a pool.
    pub(super) key: Option<Sym>,
}

impl Files<'_> {
    fn text(&self, sym: Sym) -> Value {
        Value::Text(self.book.text(sym))
    }

    fn maybe(&self, sym: Option<Sym>) -> Value {
        sym.map_or(Value::Absent, |sym| self.text(sym))
    }

    fn date(&self, at: Instant) -> Value {
        Value::Date(self.document.zone.day(at))
    }

    fn money(&self, minor: Option<i64>, currency: Option<Sym>) -> Value {
        let is_own = currency.is_none_or(|sym| self.book.names.text(sym) == &*self.document.currency);
        minor.filter(|_| is_own).map_or(Value::Absent, |minor| Value::Money(Exact::from_minor(Minor(minor))))
    }

    /// The last millisecond of a day.
    fn end_of(&self, day: i64) -> Instant {
        Instant(self.document.zone.start_of(day.saturating_add(1)).0.saturating_sub(1))
    }

    pub(super) fn episode(&self) -> Value {
        let Some(view) = self.view else { return Value::Absent };
        let statement = view.statements().next();
        record(
            &TYPES.episode,
            [
                self.text(view.id),
                view.treated_at.map_or(Value::Absent, |at| self.date(at)),
                view.treated_at.map_or(Value::Absent, Value::Time),
                self.maybe(view.procedure),
                self.maybe(view.device),
                self.maybe(view.manufacturer),
                view.known_since.map_or(Value::Absent, |at| self.date(at)),
                view.treated_at.map_or(Value::Absent, |at| {
                    self.maybe(view.dated(at, |statement| statement.organisation))
                }),
                statement.map_or(Value::Absent, |statement| Value::text(statement.source.as_str())),
            ],
        )
    }

    pub(super) fn upload(&self, upload: &Upload) -> Value {
        record(
            &TYPES.upload,
            [
                self.text(upload.id),
                Value::Int(i64::from(upload.revision)),
                Value::text(upload.source.as_str()),
                self.date(upload.answered_at),
                Value::Time(upload.answered_at),
                self.date(upload.uploaded_at),
                Value::Time(upload.uploaded_at),
                decimal(upload.score),
                decimal(upload.baseline),
                decimal(upload.index),
                self.maybe(upload.missing),
                decimal(upload.expected),
                upload.expected_n.map_or(Value::Absent, |n| Value::Int(i64::from(n))),
                self.maybe(upload.edition),
            ],
        )
    }

    pub(super) fn review(&self, review: &Review) -> Value {
        let seconds = Exact::of(Millionths(review.duration_ms.saturating_mul(1_000)));
        record(
            &TYPES.review,
            [
                self.text(review.id),
                Value::Int(i64::from(review.revision)),
                Value::text(review.source.as_str()),
                self.text(review.clinician),
                self.text(review.upload),
                self.date(review.ended_at),
                Value::Time(review.ended_at),
                Value::Bool(review.service),
                self.maybe(review.reason),
                Value::Decimal(seconds),
                Value::Int(i64::from(review.interactions)),
                Value::Int(i64::from(review.sections)),
                Value::Int(i64::from(review.burst_patients)),
                self.text(review.rule),
            ],
        )
    }

    fn told(&self, told: &Told) -> [Value; 7] {
        [
            self.text(told.id),
            Value::Int(i64::from(told.revision)),
            Value::text(told.source.as_str()),
            self.text(told.kind),
            self.date(told.at),
            Value::Time(told.at),
            self.date(told.stored_at),
        ]
    }

    fn event(&self, event: &Event) -> Value {
        let part = |(role, payer, amount): &(Sym, Option<Sym>, i64)| {
            let payer = payer.map_or_else(|| self.text(*role), |payer| self.text(payer));
            record(
                &TYPES.part,
                [self.text(*role), self.text(*role), payer, self.money(Some(*amount), event.currency)],
            )
        };
        let own = [
            event.ended_at.map_or(Value::Absent, |at| self.date(at)),
            event.ended_at.map_or(Value::Absent, Value::Time),
            self.maybe(event.coding),
            self.maybe(event.code),
            self.maybe(event.result),
            decimal(event.value),
            self.maybe(event.unit),
            self.maybe(event.comparator),
            self.maybe(event.related),
            self.maybe(event.provider),
            self.money(event.amount_minor, event.currency),
            self.maybe(event.category),
            self.maybe(event.nature),
            Value::list(event.parts.iter().map(part)),
        ];
        record(&TYPES.event, self.told(&event.told).into_iter().chain(own))
    }

    pub(super) fn trade(&self, trade: &Trade) -> Value {
        let own = [
            self.maybe(trade.purchase),
            self.maybe(trade.contract),
            self.maybe(trade.product),
            trade.product_version.map_or(Value::Absent, |version| Value::Int(i64::from(version))),
            self.maybe(trade.item),
            trade.quantity.map_or(Value::Absent, |quantity| Value::Int(i64::from(quantity))),
            self.maybe(trade.buyer),
            self.maybe(trade.side),
            self.maybe(trade.actor),
            self.maybe(trade.decision),
            self.maybe(trade.reason),
            self.money(trade.amount_minor, trade.currency),
            trade.points.map_or(Value::Absent, Value::Int),
        ];
        record(&TYPES.commerce, self.told(&trade.told).into_iter().chain(own))
    }

    fn statement(&self, statement: &Statement) -> Value {
        record(
            &TYPES.statement,
            [
                self.text(statement.id),
                self.date(statement.effective_at),
                self.date(statement.stored_at),
                self.maybe(statement.clinician),
                self.maybe(statement.organisation),
                self.maybe(statement.contract),
                self.maybe(statement.plan),
                self.maybe(statement.status),
                statement.vip.map_or(Value::Absent, Value::Bool),
                statement.consent.map_or(Value::Absent, Value::Bool),
                self.maybe(statement.device.map(|known| known.value)),
                self.maybe(statement.manufacturer.map(|known| known.value)),
            ],
        )
    }

    /// Those that belong to the case, by time, then id.
    pub(super) fn events(&self, before: Option<Instant>) -> Value {
        let own = in_force(&self.book.events, before).filter(|event| self.is_own(&event.told));
        let mut events: Vec<&Event> = own.collect();
        events.sort_by_key(|event| (event.told.at, self.book.names.text(event.told.id)));
        Value::list(events.into_iter().map(|event| self.event(event)))
    }

    /// As [`Files::events`].
    pub(super) fn commerce(&self, before: Option<Instant>) -> Value {
        let own = in_force(&self.book.trades, before).filter(|trade| self.is_own(&trade.told));
        let mut trades: Vec<&Trade> = own.collect();
        trades.sort_by_key(|trade| (trade.told.at, self.book.names.text(trade.told.id)));
        Value::list(trades.into_iter().map(|trade| self.trade(trade)))
    }

    /// What was said about the episode, by the day from which it holds, then when it was written down, then id.
    pub(super) fn statements(&self, before: Option<Instant>) -> Value {
        let own = in_force(&self.book.statements, before)
            .filter(|statement| self.view.is_none_or(|view| view.id == statement.episode));
        let mut statements: Vec<&Statement> = own.collect();
        let names = &self.book.names;
        statements.sort_by_key(|one| (one.effective_at, one.recorded_at, names.text(one.id)));
        Value::list(statements.into_iter().map(|statement| self.statement(statement)))
    }

    fn is_own(&self, told: &Told) -> bool {
        self.view.is_none_or(|view| self.book.belongs(told.episode, told.at, view.id))
    }

    fn as_of(&self, day: i64) -> Value {
        let Some(view) = self.view else { return Value::Absent };
        let at = self.end_of(day);
        let bool = |value: Option<bool>| value.map_or(Value::Absent, Value::Bool);
        record(
            &TYPES.standing,
            [
                self.maybe(view.dated(at, |statement| statement.clinician)),
                self.maybe(view.dated(at, |statement| statement.organisation)),
                self.maybe(view.dated(at, |statement| statement.care_team)),
                self.maybe(view.dated(at, |statement| statement.contract)),
                self.maybe(view.dated(at, |statement| statement.plan)),
                bool(view.in_effect(at, |statement| statement.vip)),
                bool(view.in_effect(at, |statement| statement.consent)),
                self.maybe(view.in_effect(at, |statement| statement.status)),
            ],
        )
    }
}

impl Host for Files<'_> {
    fn call(&self, function: HostFn, arguments: &[Value]) -> Value {
        let before = |day: &i64| Some(self.document.zone.start_of(*day));
        let contract = &*self.document.id;
        let settled = |key: &str, name: &str| {
            self.settlements.get(contract, key, name).map_or(Value::Absent, Value::Int)
        };
        match (Asked::of(function), arguments) {
            (Some(Asked::AsOf), [Value::Date(day)]) => self.as_of(*day),
            (Some(Asked::Settled), [Value::Text(key), Value::Text(name)]) => settled(key, name),
            (Some(Asked::Measured), [Value::Text(name)]) => {
                self.key.map_or(Value::Absent, |key| settled(self.book.names.text(key), name))
            }
            (Some(Asked::EventsStoredBefore), [Value::Date(day)]) => self.events(before(day)),
            (Some(Asked::CommerceStoredBefore), [Value::Date(day)]) => self.commerce(before(day)),
            (Some(Asked::StatementsStoredBefore), [Value::Date(day)]) => self.statements(before(day)),
            _ => Value::Absent,
        }
    }

    fn day_of(&self, at: Instant) -> i64 {
        self.document.zone.day(at)
    }

    fn start_of(&self, day: i64) -> Instant {
        self.document.zone.start_of(day)
    }
}

/// A double as a decimal: by its shortest text, to six places.
fn decimal(value: Option<f64>) -> Value {
    value.and_then(Millionths::of).map_or(Value::Absent, |value| Value::Decimal(Exact::of(value)))
}

pub(super) fn record(of: &Arc<RecordType>, fields: impl IntoIterator<Item = Value>) -> Value {
    Value::Record(Arc::new(Record { of: of.clone(), fields: fields.into_iter().collect() }))
}
