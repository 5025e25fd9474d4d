//! What should stand in the ledger for one case, by all its facts. A pure function of them and of the day.

use std::rc::Rc;
use std::sync::Arc;

use super::document::{
    Carry, ContractDocument, Let, LineRule, MeasureRule, NoticeRule, Payers, PostingRule, Reason, Rule,
};
use super::entry::EntryKind;
use super::files::{Files, record};
use super::lang::{Exact, Frame, Program, Slot, Value};
use super::records::TYPES;
use super::target::{Party, Target};
use crate::facts::Source;
use crate::money::Minor;
use crate::time::Instant;

/// Why something is held whose rule names no reason.
const MISSING: &str = "missing_input";
/// Why something is held whose amounts can't be computed.
const OUT_OF_RANGE: &str = "out_of_range";
/// The component of what is held.
pub(super) const HELD: &str = "held";
/// The component of what is to be done.
const NOTICE: &str = "notice";

/// An absent value, and why; or a computation that failed.
enum Missing {
    /// A value is absent; the reason that its name has.
    Absent(Option<Arc<str>>),
    Fault,
}

/// Who bears a part of a line.
struct Bearer {
    party: Party,
    weight: Exact,
    /// The part is owed, not only shown.
    owes: bool,
}

/// How often an element may be looked at: more than the months of a life.
const TIMES_MAX: i64 = 10_000;

/// What is left to look at of an element.
type Looked<T> = Result<T, Missing>;

/// A case under one version of its contract, on one day.
pub(super) struct Case<'c> {
    files: &'c Files<'c>,
    document: &'c ContractDocument,
    frame: Frame<'c>,
    /// Days on which this version prices: from, and up to (excluded).
    validity: (i64, i64),
    start: i64,
    source: Source,
    /// What should stand.
    pub(super) targets: Vec<Target>,
    /// Causes of what was looked at and may have been held.
    pub(super) looked_at: Vec<Arc<str>>,
    components: Vec<Value>,
    lines: Vec<Value>,
}

impl<'c> Case<'c> {
    /// `start`: the day from which the version in force is chosen; `today`: that of the tick.
    pub(super) fn new(
        files: &'c Files<'c>,
        today: i64,
        start: i64,
        validity: (i64, i64),
        source: Source,
    ) -> Self {
        let document = files.document;
        Case {
            files,
            document,
            frame: Frame::new(document.scope.slots(), today, files),
            validity,
            start,
            source,
            targets: Vec::new(),
            looked_at: Vec::new(),
            components: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// The day after today on which something else may follow from the same facts.
    pub(super) fn due(&self) -> Option<i64> {
        self.frame.due()
    }

    /// Sets what every expression sees.
    pub(super) fn open(&mut self, purchase: Option<Value>) {
        let (slots, files) = (self.document.slots, self.files);
        for (slot, value) in &self.document.constants {
            self.frame.set(*slot, value.clone());
        }
        self.frame.set(slots.start, Value::Date(self.start));
        self.frame.set(slots.contract_id, Value::Text(self.document.id.clone()));
        self.frame.set(slots.episode, files.episode());
        if let Some(view) = files.view {
            let uploads = files.book.uploads_of(view.id);
            let reviews = files.book.reviews_of(&uploads);
            self.frame.set(slots.uploads, Value::list(uploads.iter().map(|upload| files.upload(upload))));
            self.frame.set(slots.reviews, Value::list(reviews.iter().map(|review| files.review(review))));
        } else {
            self.frame.set(slots.uploads, Value::list([]));
            self.frame.set(slots.reviews, Value::list([]));
        }
        self.frame.set(slots.events, files.events(None));
        self.frame.set(slots.commerce, files.commerce(None));
        self.frame.set(slots.statements, files.statements(None));
        self.frame.set(slots.purchase, purchase.unwrap_or_default());
        if let Some((slot, key)) = slots.key.zip(files.key) {
            self.frame.set(slot, Value::Text(files.book.text(key)));
        }
    }

    /// The day that the document's `start` gives, if it has one; else `usual`.
    pub(super) fn start(&mut self, usual: Option<i64>) -> Option<i64> {
        match &self.document.start {
            None => usual,
            Some(start) => match start.eval(&mut self.frame) {
                Ok(Value::Date(day)) => Some(day),
                _ => None,
            },
        }
    }

    /// Sets the start, once it is known.
    pub(super) fn begin(&mut self, start: i64) {
        self.start = start;
        self.frame.set(self.document.slots.start, Value::Date(start));
    }

    /// Everything that follows from the facts.
    pub(super) fn evaluate(&mut self) {
        let document = self.document;
        let of_pool = self.files.key.is_some();
        let (rules, before) =
            if of_pool { (&document.pool_rules, document.rules.len()) } else { (&document.rules, 0) };
        for (number, rule) in rules.iter().enumerate() {
            self.rule(before + number, rule);
        }
    }

    fn rule(&mut self, number: usize, rule: &Rule) {
        if rule.reads_made {
            self.show_made();
        }
        for one in &rule.once {
            let value = one.value.eval(&mut self.frame).unwrap_or_default();
            self.frame.set(one.slot, value);
        }
        let elements = match &rule.each {
            None => vec![Value::Absent],
            Some(each) => match each.eval(&mut self.frame) {
                Ok(Value::List(elements)) => elements.to_vec(),
                _ => Vec::new(),
            },
        };
        for Carry { slot, start, .. } in &rule.carry {
            let value = start.eval(&mut self.frame).unwrap_or_default();
            self.frame.set(*slot, value);
        }
        for element in elements {
            self.frame.set(rule.it, element);
            self.elements(number, rule);
        }
    }

    /// An element, as often as the rule says.
    fn elements(&mut self, number: usize, rule: &Rule) {
        let times = match &rule.times {
            None => 1,
            Some((times, _)) => match times.eval(&mut self.frame) {
                Ok(Value::Int(times)) => times.min(TIMES_MAX),
                _ => 0,
            },
        };
        for nth in 1..=times {
            if let Some((_, slot)) = rule.times {
                self.frame.set(slot, Value::Int(nth));
            }
            self.element(number, rule);
            let next: Vec<Value> =
                rule.carry.iter().map(|carry| carry.next.eval(&mut self.frame).unwrap_or_default()).collect();
            for (carry, next) in rule.carry.iter().zip(next) {
                self.frame.set(carry.slot, next);
            }
        }
    }

    /// What was made so far, for expressions that look at it.
    fn show_made(&mut self) {
        let slots = self.document.slots;
        for (slot, made) in [(slots.components, &self.components), (slots.lines, &self.lines)] {
            if let Some(slot) = slot {
                self.frame.set(slot, Value::list(made.iter().cloned()));
            }
        }
    }

    fn element(&mut self, number: usize, rule: &Rule) {
        for Let { slot, value, .. } in &rule.lets {
            let value = value.eval(&mut self.frame).unwrap_or_default();
            self.frame.set(*slot, value);
        }
        let made = (self.targets.len(), self.components.len(), self.lines.len());
        let names = self.names(rule);
        if let Err(missing) = self.follow(number, rule, &names) {
            self.targets.truncate(made.0);
            self.components.truncate(made.1);
            self.lines.truncate(made.2);
            let reason = match missing {
                Missing::Fault => Arc::from(OUT_OF_RANGE),
                Missing::Absent(reason) => {
                    reason.or_else(|| self.absent(rule)).unwrap_or_else(|| Arc::from(MISSING))
                }
            };
            self.hold(number, rule, reason, &names);
        }
        if rule.reads_made && made != (self.targets.len(), self.components.len(), self.lines.len()) {
            self.show_made();
        }
    }

    /// The reason of the first absent value that has one.
    fn absent(&self, rule: &Rule) -> Option<Arc<str>> {
        let lets = rule.once.iter().chain(&rule.lets);
        let mut absent = lets.filter(|one| self.frame.get(one.slot).is_absent());
        absent.find_map(|one| one.absent.clone())
    }

    fn names(&self, rule: &Rule) -> Rc<[(Slot, Value)]> {
        let lets = rule.once.iter().chain(&rule.lets).map(|one| one.slot);
        let counted = rule.times.iter().map(|(_, slot)| *slot);
        let slots = std::iter::once(rule.it)
            .chain(counted)
            .chain(rule.carry.iter().map(|carry| carry.slot))
            .chain(lets);
        slots.map(|slot| (slot, self.frame.get(slot).clone())).collect()
    }

    fn follow(&mut self, number: usize, rule: &Rule, names: &Rc<[(Slot, Value)]>) -> Looked<()> {
        if let Some(when) = &rule.when
            && !self.bool(when)?
        {
            return Ok(());
        }
        if let Some(priced_on) = &rule.priced_on {
            let day = self.day(priced_on)?;
            if day < self.validity.0 || day >= self.validity.1 {
                return Ok(());
            }
        }
        for hold in &rule.holds {
            if !matches!(hold.when.eval(&mut self.frame), Ok(Value::Bool(true))) {
                continue;
            }
            let reason = match &hold.reason {
                Reason::Code(code) => code.clone(),
                Reason::Of(program) => self.text(program)?,
            };
            self.hold(number, rule, reason, names);
            return Ok(());
        }
        self.look(rule);
        let at = match &rule.at {
            Some(at) => Some(self.moment(at)?),
            None => None,
        };
        let cause = self.cause(rule)?;
        for line in &rule.lines {
            self.line(number, rule, line, at, &cause, names)?;
        }
        for posting in &rule.postings {
            self.posting(number, posting, at, &cause, names)?;
        }
        for measure in &rule.measures {
            self.measure(number, measure, &cause, names)?;
        }
        for notice in &rule.notices {
            self.notice(number, notice, at, &cause, names)?;
        }
        Ok(())
    }

    fn cause(&mut self, rule: &Rule) -> Looked<Arc<str>> {
        match &rule.cause {
            Some(cause) => self.text(cause),
            None => Ok(rule.id.clone()),
        }
    }

    /// The cause of what may be held; noted, so that what is no longer held is known to be settled.
    fn look(&mut self, rule: &Rule) -> Arc<str> {
        let cause = match rule.held_cause.as_ref().or(rule.cause.as_ref()) {
            Some(cause) => self.text(cause).unwrap_or_else(|_| rule.id.clone()),
            None => rule.id.clone(),
        };
        self.looked_at.push(cause.clone());
        cause
    }

    fn hold(&mut self, number: usize, rule: &Rule, reason: Arc<str>, names: &Rc<[(Slot, Value)]>) {
        let cause = self.look(rule);
        let own = rule.held_at.as_ref().or(rule.at.as_ref()).and_then(|at| self.moment(at).ok());
        let at = own.unwrap_or_else(|| self.document.zone.start_of(self.start));
        self.targets.push(Target {
            kind: EntryKind::Held,
            component: Arc::from(HELD),
            why: Some(reason),
            ..self.target(number, cause, at, names)
        });
    }

    fn line(
        &mut self,
        number: usize,
        rule: &Rule,
        line: &LineRule,
        at: Option<Instant>,
        cause: &Arc<str>,
        names: &Rc<[(Slot, Value)]>,
    ) -> Looked<()> {
        if !self.holds(line.when.as_ref())? {
            return Ok(());
        }
        let Some(at) = self.reached(line.at.as_ref(), at)? else { return Ok(()) };
        let cause = &match &line.cause {
            Some(cause) => self.text(cause)?,
            None => cause.clone(),
        };
        let amount = self.money(&line.amount)?.to_minor().ok_or(Missing::Fault)?;
        let is_owed = self.holds(line.owed.as_ref())?;
        let parties = self.payers(&line.payers)?;
        let payee = Party { id: self.text(&line.payee)?, role: Some(line.payee_role.clone()) };
        let tag = match &line.tag {
            Some(tag) => Value::Text(self.text(tag)?),
            None => Value::Absent,
        };
        let weights: Vec<Exact> = parties.iter().map(|bearer| bearer.weight).collect();
        let whole = weights.iter().try_fold(Exact::ZERO, |sum, weight| sum.plus(*weight));
        let whole = whole.ok_or(Missing::Fault)?;
        let amounts = Exact::at_one_scale(&weights).and_then(|weights| amount.split_by(&weights));
        let amounts = amounts.ok_or(Missing::Fault)?;
        let day = Value::Date(self.document.zone.day(at));
        let [of, component, due] = [&rule.id, &line.component, cause].map(|text| Value::Text(text.clone()));
        let total = Value::Money(Exact::from_minor(amount));
        let head = [of, component, due, day];
        self.components.push(record(&TYPES.component, head.clone().into_iter().chain([total, tag.clone()])));
        for (Bearer { party: payer, weight, owes }, part) in parties.into_iter().zip(amounts) {
            if part == Minor(0) {
                continue;
            }
            let kind = if is_owed && owes { EntryKind::Line } else { EntryKind::Shown };
            let role = payer.role.clone().map_or(Value::Absent, Value::Text);
            let who = [Value::Text(payer.id.clone()), role, Value::Text(payee.id.clone())];
            let rest = [Value::Money(Exact::from_minor(part)), tag.clone()];
            self.lines.push(record(&TYPES.line, head.clone().into_iter().chain(who).chain(rest)));
            self.targets.push(Target {
                kind,
                clause: line.clause.clone().unwrap_or_else(|| rule.clause.clone()),
                component: line.component.clone(),
                payer: Some(payer),
                payee: Some(payee.clone()),
                amount: part,
                total: Some(amount),
                share: Some((weight, whole)),
                ..self.target(number, cause.clone(), at, names)
            });
        }
        Ok(())
    }

    fn payers(&mut self, payers: &Payers) -> Looked<Vec<Bearer>> {
        let mut parties = Vec::new();
        match payers {
            Payers::Listed(listed) => {
                for one in listed {
                    let weight = self.number(&one.share)?;
                    if weight.signum() > 0 {
                        let id = self.text(&one.payer)?;
                        let owes = self.holds(one.owed.as_ref())?;
                        parties.push(Bearer {
                            party: Party { id, role: Some(one.role.clone()) },
                            weight,
                            owes,
                        });
                    }
                }
            }
            Payers::Of(list) => {
                let Value::List(list) = self.value(list)? else { return Err(Missing::Absent(None)) };
                for one in list.iter() {
                    let Value::Record(one) = one else { return Err(Missing::Absent(None)) };
                    let (Value::Text(id), Value::Money(weight)) = (one.get("payer"), one.get("amount"))
                    else {
                        return Err(Missing::Absent(None));
                    };
                    let role = match one.get("role") {
                        Value::Text(role) => Some(role.clone()),
                        _ => None,
                    };
                    let party = Party { id: id.clone(), role };
                    match parties.iter_mut().find(|known| known.party == party) {
                        Some(known) => known.weight = known.weight.plus(*weight).ok_or(Missing::Fault)?,
                        None => parties.push(Bearer { party, weight: *weight, owes: true }),
                    }
                }
                parties.retain(|bearer| bearer.weight.signum() > 0);
            }
        }
        if parties.is_empty() { Err(Missing::Absent(None)) } else { Ok(parties) }
    }

    fn posting(
        &mut self,
        number: usize,
        posting: &PostingRule,
        at: Option<Instant>,
        cause: &Arc<str>,
        names: &Rc<[(Slot, Value)]>,
    ) -> Looked<()> {
        if !self.holds(posting.when.as_ref())? {
            return Ok(());
        }
        let Some(at) = self.reached(posting.at.as_ref(), at)? else { return Ok(()) };
        let amount = self.money(&posting.amount)?.to_minor().ok_or(Missing::Fault)?;
        if amount == Minor(0) {
            return Ok(());
        }
        let books = Party { id: self.text(&posting.books)?, role: None };
        self.targets.push(Target {
            kind: EntryKind::Posting,
            component: posting.component.clone(),
            payer: Some(books),
            accounts: Some((posting.debit.clone(), posting.credit.clone())),
            amount,
            total: Some(amount),
            ..self.target(number, cause.clone(), at, names)
        });
        Ok(())
    }

    fn measure(
        &mut self,
        number: usize,
        measure: &MeasureRule,
        cause: &Arc<str>,
        names: &Rc<[(Slot, Value)]>,
    ) -> Looked<()> {
        if !self.holds(measure.when.as_ref())? {
            return Ok(());
        }
        let key = Party { id: self.text(&measure.pool)?, role: None };
        let value = match self.value(&measure.value)? {
            Value::Int(value) => value,
            Value::Money(value) => value.to_minor().ok_or(Missing::Fault)?.0,
            _ => return Err(Missing::Absent(None)),
        };
        if value != 0 {
            let at = self.document.zone.start_of(self.start);
            self.targets.push(Target {
                kind: EntryKind::Measure,
                component: measure.name.clone(),
                payer: Some(key),
                amount: Minor(value),
                ..self.target(number, cause.clone(), at, names)
            });
        }
        Ok(())
    }

    fn notice(
        &mut self,
        number: usize,
        notice: &NoticeRule,
        at: Option<Instant>,
        cause: &Arc<str>,
        names: &Rc<[(Slot, Value)]>,
    ) -> Looked<()> {
        if !self.holds(notice.when.as_ref())? {
            return Ok(());
        }
        if let Some(at) = self.reached(None, at)? {
            self.targets.push(Target {
                kind: EntryKind::Notice,
                component: Arc::from(NOTICE),
                why: Some(notice.reason.clone()),
                ..self.target(number, cause.clone(), at, names)
            });
        }
        Ok(())
    }

    fn target(
        &self,
        rule: usize,
        cause: Arc<str>,
        triggered_at: Instant,
        names: &Rc<[(Slot, Value)]>,
    ) -> Target {
        Target {
            kind: EntryKind::Line,
            rule,
            clause: self.document.rule(rule).map_or_else(|| Arc::from(""), |rule| rule.clause.clone()),
            component: Arc::from(""),
            cause,
            payer: None,
            payee: None,
            accounts: None,
            amount: Minor(0),
            triggered_at,
            why: None,
            total: None,
            share: None,
            source: self.source_of(names),
            names: names.clone(),
        }
    }

    /// The source of the element that is looked at, else that of the case.
    fn source_of(&self, names: &[(Slot, Value)]) -> Source {
        let word = match names.first() {
            Some((_, Value::Record(element))) => element.get("source").clone(),
            _ => Value::Absent,
        };
        let Value::Text(word) = word else { return self.source };
        let known = [Source::Live, Source::Import, Source::Simulated];
        known.into_iter().find(|source| source.as_str() == &*word).unwrap_or(self.source)
    }

    /// The moment, if it has come; else it is looked at again then.
    fn reached(&mut self, own: Option<&Program>, of_rule: Option<Instant>) -> Looked<Option<Instant>> {
        let at = match own {
            Some(own) => self.moment(own)?,
            None => of_rule.ok_or(Missing::Absent(None))?,
        };
        let day = self.document.zone.day(at);
        self.frame.note_due(day);
        Ok((day <= self.frame.today()).then_some(at))
    }

    /// Whether a condition that may be left out holds.
    fn holds(&mut self, condition: Option<&Program>) -> Looked<bool> {
        condition.map_or(Ok(true), |condition| self.bool(condition))
    }

    fn value(&mut self, program: &Program) -> Looked<Value> {
        match program.eval(&mut self.frame) {
            Ok(Value::Absent) => Err(Missing::Absent(None)),
            Ok(value) => Ok(value),
            Err(_) => Err(Missing::Fault),
        }
    }

    fn bool(&mut self, program: &Program) -> Looked<bool> {
        match self.value(program)? {
            Value::Bool(value) => Ok(value),
            _ => Err(Missing::Absent(None)),
        }
    }

    fn text(&mut self, program: &Program) -> Looked<Arc<str>> {
        match self.value(program)? {
            Value::Text(text) => Ok(text),
            _ => Err(Missing::Absent(None)),
        }
    }

    fn money(&mut self, program: &Program) -> Looked<Exact> {
        match self.value(program)? {
            Value::Money(money) => Ok(money),
            Value::Int(0) => Ok(Exact::ZERO),
            _ => Err(Missing::Absent(None)),
        }
    }

    fn number(&mut self, program: &Program) -> Looked<Exact> {
        match self.value(program)? {
            Value::Money(number) | Value::Decimal(number) => Ok(number),
            Value::Int(number) => Ok(Exact::whole(number)),
            _ => Err(Missing::Absent(None)),
        }
    }

    fn day(&mut self, program: &Program) -> Looked<i64> {
        match self.value(program)? {
            Value::Date(day) => Ok(day),
            _ => Err(Missing::Absent(None)),
        }
    }

    fn moment(&mut self, program: &Program) -> Looked<Instant> {
        match self.value(program)? {
            Value::Date(day) => Ok(self.document.zone.start_of(day)),
            Value::Time(at) => Ok(at),
            _ => Err(Missing::Absent(None)),
        }
    }

    /// A frame for what is said about a target: its names stand for what they stood for.
    pub(super) fn look_back(&mut self, target: &Target) -> &mut Frame<'c> {
        for (slot, value) in target.names.iter() {
            self.frame.set(*slot, value.clone());
        }
        &mut self.frame
    }
}
