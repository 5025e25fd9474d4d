//! A contract's document in words: sections of named statements, which `show` prints and `diff` compares.

use std::collections::{BTreeMap, BTreeSet};

use aftercare_core::contract::ContractDocument;
use aftercare_core::contract::lang::Exact;
use toml::{Table, Value};

/// What a contract says, part by part.
pub(super) struct Described {
    document: ContractDocument,
    pub(super) sections: Vec<Section>,
    /// Names of values and functions, and the names in their text.
    uses: BTreeMap<String, BTreeSet<String>>,
}

/// One part: the parameters, one rule, the clauses.
pub(super) struct Section {
    pub(super) title: String,
    pub(super) statements: Vec<Statement>,
    /// Every name in the expressions of a rule.
    names: BTreeSet<String>,
    is_rule: bool,
}

/// One statement: what it is about, and what holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// "fee", "the amount of line fee".
    pub(super) about: String,
    /// How it is printed.
    pub(super) says: String,
    /// The number of a parameter, for differences.
    pub(super) number: Option<Number>,
}

/// A parameter that is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// In units of the currency.
    Money(Exact),
    Plain(Exact),
}

/// Titles of the sections whose statements have names that rules use; of a list the name follows.
pub(super) const PARAMETERS: &str = "Parameters";
pub(super) const VALUES: &str = "Values and functions";
pub(super) const LIST: &str = "List ";

/// Constants of a document: the table, and what one is called.
const CONSTANTS: [&str; 4] = ["money", "rates", "counts", "texts"];

impl Described {
    /// Describes the document of that text, which is the one that was read.
    pub(super) fn new(document: ContractDocument, table: &Table) -> Described {
        let mut sections = vec![section("The contract", head(&document, table)), assumptions(table)];
        sections.push(section(PARAMETERS, parameters(&document, table)));
        for (name, rows) in tables(table.get("lists")) {
            sections.push(section(&format!("{LIST}{name}"), list(rows, &document)));
        }
        sections.push(section(VALUES, definitions(table)));
        for (key, called) in [("rule", "Rule"), ("pool_rule", "Rule of the pool")] {
            for rule in array(table.get(key)) {
                let id = text(rule.get("id"));
                let mut names = BTreeSet::new();
                names_of(&Value::Table(rule.clone()), &mut names);
                let statements = rule_statements(rule);
                sections.push(Section { title: format!("{called} {id}"), statements, names, is_rule: true });
            }
        }
        let words = tables(table.get("clauses"));
        sections
            .push(section("Clauses", words.map(|(name, words)| stated(name, text(Some(words)))).collect()));
        sections.retain(|section| !section.statements.is_empty());
        let uses = array(table.get("define")).map(|define| {
            let mut names = BTreeSet::new();
            names_of(define.get("value").unwrap_or(&Value::Boolean(false)), &mut names);
            (text(define.get("name")), names)
        });
        Described { document, sections, uses: uses.collect() }
    }

    /// Id and version.
    pub(super) fn name(&self) -> String {
        format!("{} version {}", self.document.id, self.document.version)
    }

    /// The part of that title.
    pub(super) fn section(&self, title: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.title == title)
    }

    /// An amount in units of the currency.
    pub(super) fn money(&self, units: Exact) -> String {
        money(units, &self.document)
    }

    /// The rules in whose conditions and amounts a name counts, also by way of the document's values and functions.
    pub(super) fn rules_with(&self, name: &str) -> Vec<&str> {
        let mut wanted = BTreeSet::from([name]);
        loop {
            let users =
                self.uses.iter().filter(|(_, names)| names.iter().any(|used| wanted.contains(used.as_str())));
            let users: Vec<&str> = users.map(|(user, _)| user.as_str()).collect();
            let before = wanted.len();
            wanted.extend(users);
            if wanted.len() == before {
                break;
            }
        }
        let rules = self.sections.iter().filter(|section| section.is_rule);
        let counting = rules.filter(|rule| rule.names.iter().any(|used| wanted.contains(used.as_str())));
        counting.map(|rule| rule.title.rsplit(' ').next().unwrap_or_default()).collect()
    }
}

impl Section {
    /// The statement about something.
    pub(super) fn statement(&self, about: &str) -> Option<&Statement> {
        self.statements.iter().find(|statement| statement.about == about)
    }
}

fn section(title: &str, statements: Vec<Statement>) -> Section {
    Section { title: title.to_owned(), statements, names: BTreeSet::new(), is_rule: false }
}

fn stated(about: impl Into<String>, says: impl Into<String>) -> Statement {
    Statement { about: about.into(), says: says.into(), number: None }
}

/// Fields of the whole document, and what they are.
const HEAD: [(&str, &str); 7] = [
    ("title", "the title"),
    ("kind", "the kind"),
    ("currency", "the currency"),
    ("time_zone", "the time zone"),
    ("in_force_from", "the first day in force"),
    ("subject", "the subject"),
    ("start", "the day that chooses the version"),
];

/// What is described part by part.
const PARTS_OF_A_DOCUMENT: [&str; 12] = [
    "id",
    "version",
    "assumptions",
    "money",
    "rates",
    "counts",
    "texts",
    "lists",
    "define",
    "rule",
    "pool_rule",
    "clauses",
];

fn head(document: &ContractDocument, table: &Table) -> Vec<Statement> {
    let mut head: Vec<Statement> = HEAD
        .into_iter()
        .filter_map(|(key, about)| table.get(key).map(|value| stated(about, text(Some(value)))))
        .collect();
    head.insert(0, stated("the version", document.version.to_string()));
    let known = HEAD.iter().map(|(key, _)| *key).chain(PARTS_OF_A_DOCUMENT);
    head.extend(others(table, &known.collect::<Vec<_>>()));
    head
}

fn assumptions(table: &Table) -> Section {
    let texts = table.get("assumptions").and_then(Value::as_array).into_iter().flatten();
    section("Assumptions", texts.map(|assumption| stated(text(Some(assumption)), "")).collect())
}

fn parameters(document: &ContractDocument, table: &Table) -> Vec<Statement> {
    let mut found = Vec::new();
    for kind in CONSTANTS {
        for (name, value) in tables(table.get(kind)) {
            let written = text(Some(value));
            let number = Exact::parse(&written).filter(|_| kind != "texts");
            let number = number
                .map(|number| if kind == "money" { Number::Money(number) } else { Number::Plain(number) });
            let says = match number {
                Some(Number::Money(units)) => money(units, document),
                _ => written,
            };
            found.push(Statement { about: name.to_owned(), says, number });
        }
    }
    found
}

/// An amount in units of the currency.
fn money(units: Exact, document: &ContractDocument) -> String {
    let scale = Exact::whole(10_i64.checked_pow(document.decimals).unwrap_or(1));
    let amount = units.times(scale).map(|minor| minor.money_text(document.decimals));
    format!("{} {}", amount.unwrap_or_else(|| units.to_string()), document.currency)
}

fn list(rows: &Value, document: &ContractDocument) -> Vec<Statement> {
    let cell = |value: &Value| match value.as_table().and_then(|table| table.iter().next()) {
        Some((unit, value)) => {
            let written = text(Some(value));
            Exact::parse(&written).filter(|_| unit == "money").map_or(written, |units| money(units, document))
        }
        None => text(Some(value)),
    };
    let row = |(number, row): (usize, &Table)| {
        let named = ["name", "id", "code", "key"].iter().find_map(|key| row.get(*key));
        let named = named.or_else(|| row.values().find(|value| value.is_str()));
        let about = named.map_or_else(|| format!("row {}", number + 1), |name| text(Some(name)));
        let cells = row.iter().filter(|(_, value)| Some(*value) != named);
        let cells: Vec<String> = cells.map(|(column, value)| format!("{column} {}", cell(value))).collect();
        stated(about, cells.join(", "))
    };
    let rows = rows.as_array().into_iter().flatten().filter_map(Value::as_table);
    rows.enumerate().map(row).collect()
}

fn definitions(table: &Table) -> Vec<Statement> {
    let define = |define: &Table| {
        let parameters = define.get("of").and_then(Value::as_array);
        let of: Vec<String> = parameters.into_iter().flatten().map(|of| text(Some(of))).collect();
        let name = text(define.get("name"));
        let about = if of.is_empty() { name } else { format!("{name}({})", of.join(", ")) };
        stated(about, text(define.get("value")))
    };
    array(table.get("define")).map(define).collect()
}

/// Fields that have no words of their own here.
fn others(table: &Table, known: &[&str]) -> Vec<Statement> {
    let others = table.iter().filter(|(key, _)| !known.contains(&key.as_str()));
    others.map(|(key, value)| stated(key.replace('_', " "), text(Some(value)))).collect()
}

/// Parts of a rule that are described one by one.
const LISTS: [&str; 11] =
    ["id", "once", "let", "carry", "hold", "line", "posting", "measure", "notice", "say", "evidence"];

/// Keys of a rule that hold one expression, and what it is.
const PARTS: [(&str, &str); 9] = [
    ("each", "what is looked at, one by one"),
    ("times", "how often each is looked at"),
    ("cause", "the cause of what is issued"),
    ("when", "the condition"),
    ("held_cause", "the cause of what is held"),
    ("held_at", "the day of what is held"),
    ("at", "the day of what is issued"),
    ("priced_on", "the day that chooses the version"),
    ("clause", "the clause"),
];

fn rule_statements(rule: &Table) -> Vec<Statement> {
    let mut found: Vec<Statement> = PARTS
        .into_iter()
        .filter_map(|(key, about)| rule.get(key).map(|value| stated(about, text(Some(value)))))
        .collect();
    for key in ["once", "let"] {
        for value in array(rule.get(key)) {
            let name = text(value.get("name"));
            found.push(stated(format!("value {name}"), text(value.get("value"))));
            let held = value
                .get("absent")
                .map(|reason| stated(format!("held without {name} for"), text(Some(reason))));
            found.extend(held);
        }
    }
    for carry in array(rule.get("carry")) {
        let says = format!("{}, then {}", text(carry.get("start")), text(carry.get("next")));
        found.push(stated(format!("carried value {}", text(carry.get("name"))), says));
    }
    for hold in array(rule.get("hold")) {
        let reason = hold.get("reason").or(hold.get("reason_of"));
        found.push(stated(format!("held for {}", text(reason)), format!("when {}", text(hold.get("when")))));
    }
    for line in array(rule.get("line")) {
        found.extend(line_statements(line));
    }
    for posting in array(rule.get("posting")) {
        let about = format!("posting {}", text(posting.get("component")));
        let [debit, credit] = ["debit", "credit"].map(|key| text(posting.get(key)));
        found.push(stated(format!("the accounts of {about}"), format!("{debit} to {credit}")));
        found.extend(fields(
            posting,
            &about,
            &["amount", "when", "books", "at"],
            &["component", "debit", "credit"],
        ));
    }
    for measure in array(rule.get("measure")) {
        let about = format!("measure {}", text(measure.get("name")));
        found.extend(fields(measure, &about, &["value", "when", "pool"], &["name"]));
    }
    for notice in array(rule.get("notice")) {
        let when = notice
            .get("when")
            .map_or_else(|| "always".to_owned(), |when| format!("when {}", text(Some(when))));
        found.push(stated(format!("notice {}", text(notice.get("reason"))), when));
    }
    let sentences = rule.get("say").and_then(Value::as_array).into_iter().flatten().enumerate();
    found.extend(
        sentences.map(|(number, words)| stated(format!("sentence {}", number + 1), text(Some(words)))),
    );
    for evidence in array(rule.get("evidence")) {
        let said = |key: &str, before: &str, after: &str| {
            evidence.get(key).map_or_else(String::new, |said| format!("{before}{}{after}", text(Some(said))))
        };
        let (unit, record) = (said("unit", " (", ")"), said("record", ", of ", ""));
        let name = text(evidence.get("name"));
        found.push(stated(
            format!("evidence {name}"),
            format!("{}{unit}{record}", text(evidence.get("value"))),
        ));
    }
    let known = PARTS.iter().map(|(key, _)| *key).chain(LISTS);
    found.extend(others(rule, &known.collect::<Vec<_>>()));
    numbered(found)
}

fn line_statements(line: &Table) -> Vec<Statement> {
    let about = format!("line {}", text(line.get("component")));
    let payee = format!("{}, {}", text(line.get("payee_role")), text(line.get("payee")));
    let mut found = fields(
        line,
        &about,
        &["amount", "when", "payers_of"],
        &["component", "payers", "payee", "payee_role"],
    );
    for payer in array(line.get("payers")) {
        let (role, who) = (text(payer.get("role")), text(payer.get("payer")));
        let about = format!("{role} ({who}) in {about}");
        found.extend(fields(payer, &about, &["share"], &["role", "payer"]));
    }
    found.push(stated(format!("the payee of {about}"), payee));
    found
}

/// The fields of a part of a rule: those of `keys` in their order, then all others but those of `elsewhere`.
fn fields(of: &Table, about: &str, keys: &[&str], elsewhere: &[&str]) -> Vec<Statement> {
    let called = |key: &str| match key {
        "when" => "the condition".to_owned(),
        "payers_of" => "the payers".to_owned(),
        "owed" => "whether owed:".to_owned(),
        "at" => "the day".to_owned(),
        other => format!("the {}", other.replace('_', " ")),
    };
    let is_other = |key: &&str| !keys.contains(key) && !elsewhere.contains(key);
    let others = of.keys().map(String::as_str).filter(is_other);
    let held = keys.iter().copied().chain(others).filter_map(|key| Some((key, of.get(key)?)));
    held.map(|(key, value)| stated(format!("{} of {about}", called(key)), text(Some(value)))).collect()
}

/// Several statements about the same get numbers, so that each has its own name.
fn numbered(mut statements: Vec<Statement>) -> Vec<Statement> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for statement in &mut statements {
        let count = seen.entry(statement.about.clone()).or_default();
        *count += 1;
        if *count > 1 {
            statement.about = format!("{} ({count})", statement.about);
        }
    }
    statements
}

/// Every word of the texts of a value that could be a name.
fn names_of(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let words = text.split(|char: char| !(char.is_ascii_alphanumeric() || char == '_'));
            names.extend(words.filter(|word| !word.is_empty()).map(str::to_owned));
        }
        Value::Array(values) => values.iter().for_each(|value| names_of(value, names)),
        Value::Table(table) => table.values().for_each(|value| names_of(value, names)),
        _ => {}
    }
}

fn tables(value: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    value.and_then(Value::as_table).into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn array(value: Option<&Value>) -> impl Iterator<Item = &Table> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table)
}

/// A text on one line, or what else the value is.
fn text(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        Some(other) => other.to_string(),
    }
}
