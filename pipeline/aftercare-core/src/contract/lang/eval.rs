//! Evaluation: what is absent makes absent what is computed from it, unless it says otherwise.

use std::sync::Arc;

use smallvec::SmallVec;

use super::functions::Run;
use super::operators::{Arithmetic, Comparison, compared, computed, exact_of};
use super::program::{Body, Fault, Frame};
use super::scope::HostFn;
use super::types::Value;

/// A checked expression.
#[derive(Debug)]
pub(super) enum Node {
    Const(Value),
    /// A variable.
    Slot(usize),
    /// An argument or an element, counted from where those of the body begin.
    Local(usize),
    /// A value computed when first asked for.
    Kept(usize, Arc<Body>),
    Field(Box<Node>, usize),
    Known(Box<Node>),
    Or(Box<Node>, Box<Node>),
    Both(Box<Node>, Box<Node>),
    Either(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Choice(Box<[Node; 3]>),
    List(Vec<Node>),
    Element(Box<Node>, Box<Node>),
    Arithmetic(Arithmetic, Box<Node>, Box<Node>),
    Negative(Box<Node>),
    Comparison(Comparison, Box<Node>, Box<Node>),
    /// Today compared with a day.
    Today(Comparison, Box<Node>),
    /// Whether a list contains a value: value, list.
    Within(Box<Node>, Box<Node>),
    Walk(Box<Walk>),
    Builtin(Run, Vec<Node>),
    Host(HostFn, Vec<Node>),
    /// A function of the document.
    Call(Arc<Body>, Vec<Node>),
    ToDecimal(Box<Node>),
}

/// A list function with a variable.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) kind: WalkKind,
    pub(super) list: Node,
    /// Which elements; all without.
    pub(super) condition: Option<Node>,
    /// What of them; themselves without.
    pub(super) value: Option<Node>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WalkKind {
    /// `filter` and `map`.
    Collect,
    Exists,
    All,
    ExistsOne,
}

type Arguments = SmallVec<[Value; 3]>;

/// What is said of a value that may be absent.
macro_rules! known {
    ($value:expr) => {
        match $value {
            Value::Absent => return Ok(Value::Absent),
            value => value,
        }
    };
}

impl Node {
    /// The value in `frame`.
    pub(super) fn eval(&self, frame: &mut Frame<'_>) -> Result<Value, Fault> {
        frame.spend(1)?;
        match self {
            Node::Const(value) => Ok(value.clone()),
            Node::Slot(slot) => Ok(variable(frame, *slot).clone()),
            Node::Local(local) => Ok(local_of(frame, *local).clone()),
            Node::Kept(slot, body) => kept(frame, *slot, body),
            Node::Field(record, position) => field(frame, record, *position),
            Node::Known(value) => Ok(Value::Bool(!value.eval(frame)?.is_absent())),
            Node::Or(value, default) => match value.eval(frame)? {
                Value::Absent => default.eval(frame),
                value => Ok(value),
            },
            Node::Both(left, right) => three_valued(frame, left, right, false),
            Node::Either(left, right) => three_valued(frame, left, right, true),
            Node::Not(value) => match known!(value.eval(frame)?) {
                Value::Bool(value) => Ok(Value::Bool(!value)),
                _ => Err(Fault::Mistyped),
            },
            Node::Choice(parts) => choice(frame, parts),
            Node::List(elements) => list(frame, elements),
            Node::Element(list, position) => element(frame, list, position),
            Node::Arithmetic(operation, left, right) => {
                let left = known!(left.eval(frame)?);
                let right = known!(right.eval(frame)?);
                computed(*operation, &left, &right)
            }
            Node::Negative(value) => negative(&value.eval(frame)?),
            Node::Comparison(comparison, left, right) => {
                let left = known!(left.eval(frame)?);
                let right = known!(right.eval(frame)?);
                Ok(Value::Bool(comparison.holds(compared(&left, &right)?)))
            }
            Node::Today(comparison, day) => today(frame, *comparison, day),
            Node::Within(value, list) => within(frame, value, list),
            Node::Walk(walk) => walk.eval(frame),
            Node::Builtin(run, arguments) => match values(frame, arguments)? {
                Some(arguments) => run(frame, &arguments),
                None => Ok(Value::Absent),
            },
            Node::Host(function, arguments) => match values(frame, arguments)? {
                Some(arguments) => Ok(frame.host.call(*function, &arguments)),
                None => Ok(Value::Absent),
            },
            Node::Call(body, arguments) => called(frame, body, arguments),
            Node::ToDecimal(number) => exact_of(&known!(number.eval(frame)?)).map(Value::Decimal),
        }
    }
}

fn variable<'f>(frame: &'f Frame<'_>, slot: usize) -> &'f Value {
    frame.values.get(slot).and_then(Option::as_ref).unwrap_or(&Value::Absent)
}

fn local_of<'f>(frame: &'f Frame<'_>, local: usize) -> &'f Value {
    frame.locals.get(frame.base + local).unwrap_or(&Value::Absent)
}

fn kept(frame: &mut Frame<'_>, slot: usize, body: &Body) -> Result<Value, Fault> {
    if let Some(Some(value)) = frame.values.get(slot) {
        return Ok(value.clone());
    }
    let value = in_body(frame, body, Arguments::new())?;
    frame.set(super::Slot(slot), value.clone());
    Ok(value)
}

fn field(frame: &mut Frame<'_>, record: &Node, position: usize) -> Result<Value, Fault> {
    let of = |value: &Value| match value {
        Value::Absent => Ok(Value::Absent),
        Value::Record(record) => Ok(record.at(position).clone()),
        _ => Err(Fault::Mistyped),
    };
    match record {
        // without taking hold of the record
        Node::Slot(slot) => of(variable(frame, *slot)),
        Node::Local(local) => of(local_of(frame, *local)),
        other => of(&other.eval(frame)?),
    }
}

/// `deciding`: the value that decides, whatever the other side is.
fn three_valued(frame: &mut Frame<'_>, left: &Node, right: &Node, deciding: bool) -> Result<Value, Fault> {
    let left = left.eval(frame)?;
    if left == Value::Bool(deciding) {
        return Ok(left);
    }
    let right = right.eval(frame)?;
    Ok(if right == Value::Bool(deciding) || !left.is_absent() { right } else { left })
}

fn choice(frame: &mut Frame<'_>, [condition, yes, no]: &[Node; 3]) -> Result<Value, Fault> {
    match known!(condition.eval(frame)?) {
        Value::Bool(true) => yes.eval(frame),
        Value::Bool(false) => no.eval(frame),
        _ => Err(Fault::Mistyped),
    }
}

fn list(frame: &mut Frame<'_>, elements: &[Node]) -> Result<Value, Fault> {
    let values = elements.iter().map(|element| element.eval(frame)).collect::<Result<Vec<_>, _>>()?;
    Ok(Value::list(values))
}

fn element(frame: &mut Frame<'_>, list: &Node, position: &Node) -> Result<Value, Fault> {
    let list = known!(list.eval(frame)?);
    let position = known!(position.eval(frame)?);
    let (Value::List(list), Value::Int(position)) = (list, position) else { return Err(Fault::Mistyped) };
    let found = usize::try_from(position).ok().and_then(|position| list.get(position));
    Ok(found.cloned().unwrap_or_default())
}

fn negative(value: &Value) -> Result<Value, Fault> {
    let negated = match value {
        Value::Absent => Some(Value::Absent),
        Value::Int(number) => number.checked_neg().map(Value::Int),
        Value::Decimal(number) => number.negated().map(Value::Decimal),
        Value::Money(amount) => amount.negated().map(Value::Money),
        _ => return Err(Fault::Mistyped),
    };
    negated.ok_or(Fault::Overflow)
}

fn today(frame: &mut Frame<'_>, comparison: Comparison, day: &Node) -> Result<Value, Fault> {
    let Value::Date(day) = known!(day.eval(frame)?) else { return Err(Fault::Mistyped) };
    if let Some(turn) = comparison.turns(frame.today, day) {
        frame.note_due(turn);
    }
    Ok(Value::Bool(comparison.holds(frame.today.cmp(&day))))
}

fn within(frame: &mut Frame<'_>, value: &Node, list: &Node) -> Result<Value, Fault> {
    let value = known!(value.eval(frame)?);
    let Value::List(list) = known!(list.eval(frame)?) else { return Err(Fault::Mistyped) };
    frame.spend(list.len())?;
    let mut absent = false;
    for element in list.iter() {
        match element {
            Value::Absent => absent = true,
            element if compared(&value, element)?.is_eq() => return Ok(Value::Bool(true)),
            _ => {}
        }
    }
    Ok(if absent { Value::Absent } else { Value::Bool(false) })
}

/// The arguments' values; `None` where one is absent.
fn values(frame: &mut Frame<'_>, arguments: &[Node]) -> Result<Option<Arguments>, Fault> {
    let mut values = Arguments::new();
    for argument in arguments {
        match argument.eval(frame)? {
            Value::Absent => return Ok(None),
            value => values.push(value),
        }
    }
    Ok(Some(values))
}

fn called(frame: &mut Frame<'_>, body: &Body, arguments: &[Node]) -> Result<Value, Fault> {
    let arguments = arguments.iter().map(|argument| argument.eval(frame)).collect::<Result<_, _>>()?;
    in_body(frame, body, arguments)
}

fn in_body(frame: &mut Frame<'_>, body: &Body, arguments: Arguments) -> Result<Value, Fault> {
    let (base, before) = (frame.base, frame.locals.len());
    frame.base = before;
    frame.locals.extend(arguments);
    let value = body.node.eval(frame);
    frame.locals.truncate(before);
    frame.base = base;
    value
}

impl Walk {
    fn eval(&self, frame: &mut Frame<'_>) -> Result<Value, Fault> {
        let Value::List(list) = known!(self.list.eval(frame)?) else { return Err(Fault::Mistyped) };
        let local = frame.locals.len();
        frame.locals.push(Value::Absent);
        let value = match self.kind {
            WalkKind::Collect => self.collected(frame, local, &list)?,
            WalkKind::Exists => Value::Bool(self.count(frame, local, &list, true, 1)? == 1),
            WalkKind::All => Value::Bool(self.count(frame, local, &list, false, 1)? == 0),
            WalkKind::ExistsOne => Value::Bool(self.count(frame, local, &list, true, 2)? == 1),
        };
        frame.locals.truncate(local);
        Ok(value)
    }

    fn collected(&self, frame: &mut Frame<'_>, local: usize, list: &[Value]) -> Result<Value, Fault> {
        let mut found = Vec::new();
        for element in list {
            if self.holds(frame, local, element)? {
                found.push(match &self.value {
                    Some(value) => value.eval(frame)?,
                    None => element.clone(),
                });
            }
        }
        Ok(Value::list(found))
    }

    /// For how many elements, at most `enough`, the condition holds (or doesn't).
    fn count(
        &self,
        frame: &mut Frame<'_>,
        local: usize,
        list: &[Value],
        wanted: bool,
        enough: usize,
    ) -> Result<usize, Fault> {
        let mut count = 0;
        for element in list {
            count += usize::from(self.holds(frame, local, element)? == wanted);
            if count == enough {
                break;
            }
        }
        Ok(count)
    }

    /// Puts the element into its place; whether the condition holds, which an absent one doesn't.
    fn holds(&self, frame: &mut Frame<'_>, local: usize, element: &Value) -> Result<bool, Fault> {
        if let Some(place) = frame.locals.get_mut(local) {
            place.clone_from(element);
        }
        match &self.condition {
            Some(condition) => Ok(condition.eval(frame)? == Value::Bool(true)),
            None => Ok(true),
        }
    }
}
