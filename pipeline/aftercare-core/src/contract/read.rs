//! Reading a contract's document: every problem with its place.

use std::sync::Arc;

use jiff::civil::Date;

use super::document::{
    Carry, ContractDocument, EvidenceRule, Hold, Let, LineRule, MeasureRule, NoticeRule, Part, PayerRule,
    Payers, PostingRule, Reason, Rule, Sentence, Subject,
};
use super::lang::{self, Exact, Program, Record, RecordType, Scope, Slot, Type, Value};
use super::records;
use crate::documents::Problem;
use crate::documents::reader::{Fields, read_document};
use crate::money::currency_decimals;
use crate::zone::{Zone, day_of_date};

/// Roles of payers and payees.
pub const ROLES: [&str; 12] = [
    "patient",
    "manufacturer",
    "public_insurance",
    "commercial_insurance",
    "employer",
    "charity",
    "insurer",
    "clinician",
    "provider",
    "group",
    "pool",
    "payer",
];

pub(super) fn parse(text: &str) -> Result<ContractDocument, Vec<Problem>> {
    read_document(text, document)
}

fn document(fields: &mut Fields<'_>) -> Option<ContractDocument> {
    let id = fields.required::<String>("id");
    let version = fields.required::<i32>("version");
    fields.demand(version.is_none_or(|version| version > 0), "version", "is not above 0");
    let title = fields.required::<String>("title");
    let kind = fields.required::<String>("kind");
    let assumptions = fields.optional::<Vec<String>>("assumptions").unwrap_or_default();
    let currency = fields.required::<String>("currency");
    let decimals = currency.as_deref().and_then(currency_decimals);
    fields.demand(currency.is_none() || decimals.is_some(), "currency", "is no currency that is known here");
    let zone_name = fields.required::<String>("time_zone");
    let zone = zone_name.as_deref().and_then(Zone::named);
    fields.demand(zone_name.is_none() || zone.is_some(), "time_zone", "is no time zone");
    let from = fields.required::<String>("in_force_from");
    let in_force_from = from.as_deref().and_then(|from| from.parse::<Date>().ok()).map(day_of_date);
    fields.demand(
        from.is_none() || in_force_from.is_some(),
        "in_force_from",
        "is no date such as 2026-01-31",
    );
    let subject = fields.choice("subject", &[("episode", Subject::Episode), ("purchase", Subject::Purchase)]);
    let mut desk = Desk::new(decimals.unwrap_or(2));
    desk.constants(fields);
    desk.values(fields);
    let start = desk.optional(fields, "start", &Type::Date);
    desk.slots.declare_made(&mut desk.scope);
    let rules = fields.tables("rule", |fields| desk.rule(fields));
    desk.slots.declare_pool(&mut desk.scope);
    let pool_rules = fields.tables("pool_rule", |fields| desk.rule(fields));
    fields.demand(!rules.is_empty() || !pool_rules.is_empty(), "rule", "is missing");
    let clauses = fields.table("clauses", |fields| Some(fields.each::<String>())).unwrap_or_default();
    let clauses: Vec<(Arc<str>, Arc<str>)> =
        clauses.into_iter().map(|(name, words)| (name.into(), words.into())).collect();
    for rule in rules.iter().chain(&pool_rules) {
        let named = rule.lines.iter().filter_map(|line| line.clause.as_ref()).chain([&rule.clause]);
        for clause in named {
            let is_there = clauses.iter().any(|(name, _)| name == clause);
            fields.demand(is_there, "clauses", &format!("has no words for {clause}"));
        }
    }
    let Desk { scope, slots, constants, problems, .. } = desk;
    fields.extend(problems);
    let chooses_by_rule = rules.iter().any(|rule| rule.priced_on.is_some());
    Some(ContractDocument {
        id: id?.into(),
        version: version?,
        title: title?,
        kind: kind?,
        assumptions,
        currency: currency?.into(),
        decimals: decimals?,
        zone: zone?,
        in_force_from: in_force_from?,
        subject: subject?,
        clauses,
        scope,
        slots,
        start,
        constants,
        rules,
        pool_rules,
        chooses_by_rule,
    })
}

/// The names that expressions see, growing as the document is read.
struct Desk {
    decimals: u32,
    scope: Scope,
    slots: records::Slots,
    constants: Vec<(Slot, Value)>,
    problems: Vec<Problem>,
    /// The rule that is read looks at what was made before it.
    reads_made: bool,
}

impl Desk {
    fn new(decimals: u32) -> Desk {
        let mut scope = Scope::new(decimals);
        let slots = records::Slots::declare(&mut scope);
        Desk { decimals, scope, slots, constants: Vec::new(), problems: Vec::new(), reads_made: false }
    }

    /// `[money]`, `[rates]`, `[counts]`, `[texts]`, `[lists]`.
    fn constants(&mut self, fields: &mut Fields<'_>) {
        let decimals = self.decimals;
        let money = |text: &str| money_of(text, decimals).map(Value::Money);
        self.table(fields, "money", &Type::Money, "is no amount of the currency, such as \"80.00\"", money);
        let rate = |text: &str| Exact::parse(text).map(Value::Decimal);
        self.table(fields, "rates", &Type::Decimal, "is no decimal in quotes, such as \"0.90\"", rate);
        self.table(fields, "texts", &Type::Text, "is no text", |text| Some(Value::Text(text.into())));
        fields.table("counts", |fields| {
            for (name, count) in fields.each::<i32>() {
                self.constant(&name, Type::Int, Value::Int(i64::from(count)));
            }
            Some(())
        });
        fields.table("lists", |fields| {
            for (name, rows) in fields.each::<RawRows>() {
                match rows.typed(&name, decimals) {
                    Ok((of, rows)) => {
                        self.scope.record_type(of.clone());
                        self.constant(
                            &name,
                            Type::List(Box::new(Type::Record(of))),
                            Value::List(rows.into()),
                        );
                    }
                    Err(what) => fields.problem(&name, &what),
                }
            }
            Some(())
        });
    }

    fn table(
        &mut self,
        fields: &mut Fields<'_>,
        key: &'static str,
        ty: &Type,
        what: &str,
        read: impl Fn(&str) -> Option<Value>,
    ) {
        fields.table(key, |fields| {
            for (name, text) in fields.each::<String>() {
                match read(&text) {
                    Some(value) => self.constant(&name, ty.clone(), value),
                    None => fields.problem(&name, what),
                }
            }
            Some(())
        });
    }

    fn constant(&mut self, name: &str, ty: Type, value: Value) {
        if let Some(slot) = self.declare(name, name, ty) {
            self.constants.push((slot, value));
        }
    }

    /// `[[define]]`: values of the case, and functions.
    fn values(&mut self, fields: &mut Fields<'_>) {
        fields.tables("define", |fields| {
            let name = fields.required::<String>("name")?;
            match fields.optional::<Vec<String>>("of") {
                Some(parameters) => self.function(fields, &name, &parameters),
                None => {
                    let source = fields.required::<String>("value")?;
                    if self.is_free(&fields.place_of("name"), &name)
                        && let Err(problems) = self.scope.value(&name, &source, &fields.place_of("value"))
                    {
                        self.problems.extend(problems);
                    }
                }
            }
            Some(())
        });
    }

    fn function(&mut self, fields: &mut Fields<'_>, name: &str, parameters: &[String]) {
        let mut typed = Vec::new();
        for parameter in parameters {
            let named = parameter.split_once(':');
            let ty = named
                .and_then(|(name, ty)| Some((name.trim().to_owned(), self.scope.parse_type(ty.trim())?)));
            fields.demand(
                ty.is_some(),
                "of",
                &format!("has {parameter}, which is no parameter such as \"u: upload\""),
            );
            typed.extend(ty);
        }
        let Some(source) = fields.required::<String>("value") else { return };
        if self.is_free(&fields.place_of("name"), name)
            && let Err(problems) = self.scope.define(name, typed, &source, &fields.place_of("value"))
        {
            self.problems.extend(problems);
        }
    }

    fn rule(&mut self, fields: &mut Fields<'_>) -> Option<Rule> {
        let mark = self.scope.mark();
        self.reads_made = false;
        let rule = self.read_rule(fields);
        self.scope.release(mark);
        rule
    }

    fn read_rule(&mut self, fields: &mut Fields<'_>) -> Option<Rule> {
        let id = fields.required::<String>("id");
        let clause = fields.optional::<String>("clause").or_else(|| id.clone());
        let once = self.lets(fields, "once");
        let each = self.optional_any(fields, "each");
        let element = match each.as_ref().map(Program::ty) {
            None => Type::Int,
            Some(Type::List(element)) => (**element).clone(),
            Some(_) => {
                fields.problem("each", "is no list");
                Type::Int
            }
        };
        let it = self.declare(&fields.place_of("each"), "it", element);
        let times = self.optional(fields, "times", &Type::Int);
        let times =
            times.and_then(|times| Some((times, self.declare(&fields.place_of("times"), "nth", Type::Int)?)));
        let carry = fields.tables("carry", |fields| self.begin_carry(fields));
        let lets = self.lets(fields, "let");
        let carry = carry.into_iter().filter_map(|begun| self.end_carry(begun)).collect();
        let (bool, text, date) = (Type::Bool, Type::Text, Type::Date);
        let cause = self.optional(fields, "cause", &text);
        let when = self.optional(fields, "when", &bool);
        let holds = fields.tables("hold", |fields| self.hold(fields));
        let held_cause = self.optional(fields, "held_cause", &text);
        let held_at = self.moment(fields, "held_at");
        let at = self.moment(fields, "at");
        let priced_on = self.optional(fields, "priced_on", &date);
        let lines = fields.tables("line", |fields| self.line(fields));
        let postings = fields.tables("posting", |fields| self.posting(fields));
        let measures = fields.tables("measure", |fields| self.measure(fields));
        let notices = fields.tables("notice", |fields| self.notice(fields));
        let needs_at = !lines.is_empty() || !postings.is_empty() || !notices.is_empty();
        let dated = at.is_some() || !needs_at;
        fields.demand(dated, "at", "is missing: what is issued belongs to a day");
        let say = self.sentences(fields);
        let evidence = fields.tables("evidence", |fields| self.evidence(fields));
        Some(Rule {
            id: id?.into(),
            clause: clause?.into(),
            once,
            each,
            it: it?,
            times,
            cause,
            carry,
            lets,
            when,
            holds,
            held_cause,
            held_at,
            at,
            priced_on,
            lines,
            postings,
            measures,
            notices,
            say,
            evidence,
            reads_made: self.reads_made,
        })
    }

    fn lets(&mut self, fields: &mut Fields<'_>, key: &'static str) -> Vec<Let> {
        fields.tables(key, |fields| {
            let name = fields.required::<String>("name");
            let absent = fields.optional::<String>("absent").map(Arc::from);
            let value = self.any(fields, "value")?;
            let slot = self.declare(&fields.place_of("name"), &name?, value.ty().clone())?;
            Some(Let { slot, value, absent })
        })
    }

    /// The start of a carried value; its next value is compiled when all other names are known.
    fn begin_carry(&mut self, fields: &mut Fields<'_>) -> Option<(Slot, Program, String, String)> {
        let name = fields.required::<String>("name");
        let next = fields.required::<String>("next");
        let start = self.any(fields, "start")?;
        let slot = self.declare(&fields.place_of("name"), &name?, start.ty().clone())?;
        Some((slot, start, next?, fields.place_of("next")))
    }

    fn end_carry(&mut self, (slot, start, next, place): (Slot, Program, String, String)) -> Option<Carry> {
        let wanted = start.ty().clone();
        let next = self.compiled(&next, &place, Some(&wanted))?;
        Some(Carry { slot, start, next })
    }

    fn hold(&mut self, fields: &mut Fields<'_>) -> Option<Hold> {
        let when = self.required(fields, "when", &Type::Bool);
        let reason = fields.optional::<String>("reason").map(|code| Reason::Code(code.into()));
        let of = self.optional(fields, "reason_of", &Type::Text).map(Reason::Of);
        fields.demand(reason.is_some() != of.is_some(), "reason", "is needed, or else reason_of");
        Some(Hold { when: when?, reason: reason.or(of)? })
    }

    fn line(&mut self, fields: &mut Fields<'_>) -> Option<LineRule> {
        let component = fields.required::<String>("component");
        let clause = fields.optional::<String>("clause").map(Arc::from);
        let cause = self.optional(fields, "cause", &Type::Text);
        let when = self.optional(fields, "when", &Type::Bool);
        let amount = self.required(fields, "amount", &Type::Money);
        let listed = fields.tables("payers", |fields| {
            let role = role(fields, "role");
            let payer = self.required(fields, "payer", &Type::Text);
            let share = self.any(fields, "share");
            let is_weight = share
                .as_ref()
                .is_none_or(|share| matches!(share.ty(), Type::Int | Type::Decimal | Type::Money));
            fields.demand(is_weight, "share", "is no number");
            let owed = self.optional(fields, "owed", &Type::Bool);
            Some(PayerRule { role: role?, payer: payer?, share: share?, owed })
        });
        let of = self.optional_any(fields, "payers_of");
        let has_parts = |ty: &Type| match ty {
            Type::List(element) => match &**element {
                Type::Record(of) => ["payer", "role", "amount"].iter().all(|name| of.field(name).is_some()),
                _ => false,
            },
            _ => false,
        };
        let fits = of.as_ref().is_none_or(|of| has_parts(of.ty()));
        fields.demand(fits, "payers_of", "is no list of records with payer, role and amount");
        fields.demand(listed.is_empty() == of.is_some(), "payers", "are needed, or else payers_of");
        let payers = of.map_or(Payers::Listed(listed), Payers::Of);
        let payee = self.required(fields, "payee", &Type::Text);
        let payee_role = role(fields, "payee_role");
        let owed = self.optional(fields, "owed", &Type::Bool);
        let tag = self.optional(fields, "tag", &Type::Text);
        let at = self.moment(fields, "at");
        Some(LineRule {
            component: component?.into(),
            clause,
            cause,
            when,
            amount: amount?,
            payers,
            payee: payee?,
            payee_role: payee_role?,
            owed,
            tag,
            at,
        })
    }

    fn posting(&mut self, fields: &mut Fields<'_>) -> Option<PostingRule> {
        let [component, debit, credit] =
            ["component", "debit", "credit"].map(|key| fields.required::<String>(key));
        let when = self.optional(fields, "when", &Type::Bool);
        let books = self.required(fields, "books", &Type::Text);
        let amount = self.required(fields, "amount", &Type::Money);
        let at = self.moment(fields, "at");
        Some(PostingRule {
            component: component?.into(),
            when,
            books: books?,
            amount: amount?,
            debit: debit?.into(),
            credit: credit?.into(),
            at,
        })
    }

    fn measure(&mut self, fields: &mut Fields<'_>) -> Option<MeasureRule> {
        let name = fields.required::<String>("name");
        let when = self.optional(fields, "when", &Type::Bool);
        let pool = self.required(fields, "pool", &Type::Text);
        let value = self.any(fields, "value");
        let counts = value.as_ref().is_none_or(|value| matches!(value.ty(), Type::Int | Type::Money));
        fields.demand(counts, "value", "is neither a whole number nor an amount");
        Some(MeasureRule { name: name?.into(), when, pool: pool?, value: value? })
    }

    fn notice(&mut self, fields: &mut Fields<'_>) -> Option<NoticeRule> {
        let reason = fields.required::<String>("reason");
        let when = self.optional(fields, "when", &Type::Bool);
        Some(NoticeRule { when, reason: reason?.into() })
    }

    fn evidence(&mut self, fields: &mut Fields<'_>) -> Option<EvidenceRule> {
        let name = fields.required::<String>("name");
        let value = self.any(fields, "value");
        let unit = fields.optional::<String>("unit").unwrap_or_default();
        let record = self.optional_any(fields, "record");
        let has_id = |ty: &Type| matches!(ty, Type::Record(of) if of.field("id").is_some());
        let fits = record.as_ref().is_none_or(|record| has_id(record.ty()));
        fields.demand(fits, "record", "is no record with an id");
        Some(EvidenceRule { name: name?.into(), value: value?, unit: unit.into(), record })
    }

    /// `say`: texts with expressions in braces.
    fn sentences(&mut self, fields: &mut Fields<'_>) -> Vec<Sentence> {
        let texts = fields.optional::<Vec<String>>("say").unwrap_or_default();
        let place = fields.place_of("say");
        let sentence = |(number, text): (usize, String)| {
            let place = format!("{place}[{number}]");
            let mut parts = Vec::new();
            let mut rest = &*text;
            while let Some((before, after)) = rest.split_once('{') {
                let Some((source, after)) = after.split_once('}') else {
                    self.problems
                        .push(Problem { place, message: "opens a brace and does not close it".to_owned() });
                    return None;
                };
                parts.push(Part::Text(before.into()));
                parts.extend(self.compiled(source, &place, None).map(Part::Value));
                rest = after;
            }
            parts.push(Part::Text(rest.into()));
            Some(Sentence(parts))
        };
        texts.into_iter().enumerate().filter_map(sentence).collect()
    }

    fn declare(&mut self, place: &str, name: &str, ty: Type) -> Option<Slot> {
        self.is_free(place, name).then(|| self.scope.declare(name, ty))
    }

    /// Whether the name may be given; else notes why not.
    fn is_free(&mut self, place: &str, name: &str) -> bool {
        let objection = self.scope.objection(name);
        let message =
            objection.map(|why| Problem { place: place.to_owned(), message: format!("cannot be: {why}") });
        let is_free = message.is_none();
        self.problems.extend(message);
        is_free
    }

    fn compiled(&mut self, source: &str, place: &str, wanted: Option<&Type>) -> Option<Program> {
        self.reads_made |= ["components", "lines"].iter().any(|made| source.contains(made));
        let compiled = match wanted {
            Some(wanted) => lang::compile_as(source, &self.scope, place, wanted),
            None => lang::compile(source, &self.scope, place),
        };
        compiled.map_err(|problems| self.problems.extend(problems)).ok()
    }

    fn optional(&mut self, fields: &mut Fields<'_>, key: &'static str, wanted: &Type) -> Option<Program> {
        let source = fields.optional::<String>(key)?;
        self.compiled(&source, &fields.place_of(key), Some(wanted))
    }

    fn required(&mut self, fields: &mut Fields<'_>, key: &'static str, wanted: &Type) -> Option<Program> {
        let source = fields.required::<String>(key)?;
        self.compiled(&source, &fields.place_of(key), Some(wanted))
    }

    fn optional_any(&mut self, fields: &mut Fields<'_>, key: &'static str) -> Option<Program> {
        let source = fields.optional::<String>(key)?;
        self.compiled(&source, &fields.place_of(key), None)
    }

    fn any(&mut self, fields: &mut Fields<'_>, key: &'static str) -> Option<Program> {
        let source = fields.required::<String>(key)?;
        self.compiled(&source, &fields.place_of(key), None)
    }

    /// A day or a point in time.
    fn moment(&mut self, fields: &mut Fields<'_>, key: &'static str) -> Option<Program> {
        let moment = self.optional_any(fields, key)?;
        let is_moment = matches!(moment.ty(), Type::Date | Type::Time);
        fields.demand(is_moment, key, "is neither a day nor a time");
        Some(moment)
    }
}

/// An amount in units of the currency, whole in its minor units.
fn money_of(text: &str, decimals: u32) -> Option<Exact> {
    let minor = Exact::parse(text)?.times(Exact::whole(10_i64.checked_pow(decimals)?))?;
    let rounded = Exact::from_minor(minor.to_minor()?);
    (rounded.minus(minor)?.signum() == 0).then_some(rounded)
}

fn role(fields: &mut Fields<'_>, key: &'static str) -> Option<Arc<str>> {
    let role = fields.required::<String>(key)?;
    fields.demand(ROLES.contains(&&*role), key, &format!("is none of {}", ROLES.join(", ")));
    Some(role.into())
}

/// The rows of a list before their columns have types.
struct RawRows(Vec<toml::Table>);

impl crate::documents::reader::FromToml for RawRows {
    fn from_toml(value: &toml::Value) -> Result<RawRows, String> {
        let rows = value.as_array().ok_or_else(|| "is no list of tables".to_owned())?;
        let tables =
            rows.iter().map(|row| row.as_table().cloned().ok_or_else(|| "is no list of tables".to_owned()));
        tables.collect::<Result<_, _>>().map(RawRows)
    }
}

type Rows = (Arc<RecordType>, Vec<Value>);

impl RawRows {
    /// All rows have the columns of the first, and each column one type.
    fn typed(&self, name: &str, decimals: u32) -> Result<Rows, String> {
        let first = self.0.first().ok_or_else(|| "is empty".to_owned())?;
        let mut columns = Vec::new();
        for (column, cell) in first {
            let (ty, _) = typed_cell(cell, decimals).ok_or_else(|| format!("[0].{column} {CELL}"))?;
            columns.push((Box::from(column.as_str()), ty));
        }
        let of = Arc::new(RecordType { name: Box::from(name.trim_end_matches('s')), fields: columns });
        let mut rows = Vec::new();
        for (number, row) in self.0.iter().enumerate() {
            if row.len() != of.fields.len() {
                return Err(format!("[{number}] has other columns than the first row"));
            }
            let mut cells = Vec::new();
            for (column, ty) in &of.fields {
                let cell = row.get(&**column).and_then(|cell| typed_cell(cell, decimals));
                match cell {
                    Some((found, value)) if found == *ty => cells.push(value),
                    _ => return Err(format!("[{number}].{column} is not of the type of the first row's")),
                }
            }
            rows.push(Value::Record(Arc::new(Record { of: of.clone(), fields: cells.into() })));
        }
        Ok((of, rows))
    }
}

const CELL: &str = "is no text, whole number, true or false, { money = \"50\" }, { decimal = \"0.9\" } or { date = \"2026-01-31\" }";

fn typed_cell(cell: &toml::Value, decimals: u32) -> Option<(Type, Value)> {
    match cell {
        toml::Value::String(text) => Some((Type::Text, Value::Text(text.as_str().into()))),
        toml::Value::Integer(number) => Some((Type::Int, Value::Int(*number))),
        toml::Value::Boolean(bool) => Some((Type::Bool, Value::Bool(*bool))),
        toml::Value::Table(table) => {
            let (unit, text) = table.iter().next().filter(|_| table.len() == 1)?;
            let text = text.as_str()?;
            match unit.as_str() {
                "money" => Some((Type::Money, Value::Money(money_of(text, decimals)?))),
                "decimal" => Some((Type::Decimal, Value::Decimal(Exact::parse(text)?))),
                "date" => Some((Type::Date, Value::Date(day_of_date(text.parse::<Date>().ok()?)))),
                _ => None,
            }
        }
        _ => None,
    }
}
