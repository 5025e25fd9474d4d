//! From a syntax tree to a checked expression: every name becomes a slot, every operation has its types.

use std::sync::Arc;

use cel::common::ast::{CallExpr, Expr, IdedExpr, ListExpr, LiteralValue, SelectExpr, operators};

use super::eval::{Node, Walk, WalkKind};
use super::exact::Exact;
use super::functions;
use super::operators::{Arithmetic, Comparison};
use super::parse::{Parsed, Wrong, parse};
use super::program::Body;
use super::scope::{HostFn, Name, Scope, TODAY};
use super::types::{Type, Value};
use super::{Slot, calendar};
use crate::documents::Problem;

/// How deeply expressions may be nested, the functions that they call included.
const DEPTH_MAX: usize = 100;

/// A checked part of an expression.
#[derive(Debug)]
pub(super) struct Typed {
    pub(super) node: Node,
    pub(super) ty: Type,
    looseness: Looseness,
    at: usize,
}

/// What may stand for other types than its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looseness {
    None,
    /// A 0 written down: also no money.
    Zero,
    /// `null`: absent of any type.
    Null,
    /// `[]`: a list of anything.
    Empty,
}

/// Checks an expression with `params` as its first locals.
pub(super) fn compile_body(
    source: &str,
    scope: &Scope,
    place: &str,
    params: &[(String, Type)],
) -> Result<Body, Vec<Problem>> {
    checked(source, scope, place, params, |check, tree| {
        let typed = check.expr(tree, 0)?;
        if typed.has_type() {
            return Some(typed);
        }
        check.wrong(typed.at, "nothing here says of which type this is")
    })
}

/// Checks an expression that must be of a type.
pub(super) fn compile_body_as(
    source: &str,
    scope: &Scope,
    place: &str,
    wanted: &Type,
) -> Result<Body, Vec<Problem>> {
    checked(source, scope, place, &[], |check, tree| {
        let typed = check.expr(tree, 0)?;
        check.fitted(typed, wanted)
    })
}

fn checked(
    source: &str,
    scope: &Scope,
    place: &str,
    params: &[(String, Type)],
    check_tree: impl FnOnce(&mut Check<'_, '_>, &IdedExpr) -> Option<Typed>,
) -> Result<Body, Vec<Problem>> {
    let problems = |wrong: Vec<Wrong>| {
        let problem =
            |(at, what)| Problem { place: place.to_owned(), message: format!("at character {at}: {what}") };
        wrong.into_iter().map(problem).collect::<Vec<_>>()
    };
    let parsed = parse(source).map_err(problems)?;
    let mut check = Check { scope, parsed: &parsed, locals: params.to_vec(), wrong: Vec::new(), deepest: 0 };
    let typed = check_tree(&mut check, &parsed.tree);
    if check.deepest > DEPTH_MAX {
        check.wrong.push((1, format!("the expression is nested more than {DEPTH_MAX} deep; name its parts")));
    }
    match typed {
        Some(typed) if check.wrong.is_empty() => {
            Ok(Body { node: typed.node, ty: typed.ty, depth: check.deepest })
        }
        _ => {
            check.wrong.sort();
            check.wrong.dedup();
            Err(problems(check.wrong))
        }
    }
}

/// Whether an expression may stand where the type is wanted.
pub(super) fn fits(typed: &Typed, wanted: &Type) -> bool {
    match (typed.looseness, wanted) {
        (Looseness::Null, _) | (Looseness::Empty, Type::List(_)) | (Looseness::Zero, Type::Money) => true,
        (_, Type::Decimal) => matches!(typed.ty, Type::Int | Type::Decimal),
        _ => typed.ty == *wanted,
    }
}

impl Typed {
    /// Whether it is of one type only.
    pub(super) fn has_type(&self) -> bool {
        !matches!(self.looseness, Looseness::Null | Looseness::Empty)
    }

    /// Whether it takes its type from the other side of `+` or `-`.
    fn is_loose(&self) -> bool {
        matches!(self.looseness, Looseness::Zero | Looseness::Empty)
    }

    /// The type in words.
    fn words(&self) -> String {
        match self.looseness {
            Looseness::Null => "null".to_owned(),
            Looseness::Empty => "an empty list".to_owned(),
            Looseness::None | Looseness::Zero => self.ty.to_string(),
        }
    }

    /// As the type, which it fits.
    fn into_type(self, wanted: &Type) -> Typed {
        let node = match (self.looseness, self.node, wanted) {
            (Looseness::Null, node, _) => node,
            (_, _, Type::Money) if self.looseness == Looseness::Zero => {
                Node::Const(Value::Money(Exact::ZERO))
            }
            (_, Node::Const(Value::Int(number)), Type::Decimal) => {
                Node::Const(Value::Decimal(Exact::whole(number)))
            }
            (_, node, Type::Decimal) if self.ty == Type::Int => Node::ToDecimal(Box::new(node)),
            (_, node, _) => node,
        };
        Typed { node, ty: wanted.clone(), looseness: Looseness::None, at: self.at }
    }
}

pub(super) struct Check<'s, 'p> {
    scope: &'s Scope,
    parsed: &'p Parsed<'p>,
    locals: Vec<(String, Type)>,
    wrong: Vec<Wrong>,
    deepest: usize,
}

impl<'s> Check<'s, '_> {
    fn wrong<T>(&mut self, at: usize, what: impl Into<String>) -> Option<T> {
        self.wrong.push((at, what.into()));
        None
    }

    fn fitted(&mut self, typed: Typed, wanted: &Type) -> Option<Typed> {
        if fits(&typed, wanted) {
            return Some(typed.into_type(wanted));
        }
        self.wrong(typed.at, format!("this is {}, it must be {wanted}", typed.words()))
    }

    fn expr(&mut self, expr: &IdedExpr, depth: usize) -> Option<Typed> {
        self.deepest = self.deepest.max(depth);
        if depth > DEPTH_MAX {
            return None;
        }
        let at = self.parsed.at(expr);
        match &expr.expr {
            Expr::Literal(literal) => self.literal(literal, at),
            Expr::Ident(name) => self.name(name, at),
            Expr::Select(select) => self.field(select, at, depth),
            Expr::List(list) => self.list(list, at, depth),
            Expr::Call(call) => self.call(call, at, depth),
            Expr::Map(_) | Expr::Struct(_) => {
                self.wrong(at, "maps and messages are not part of the language")
            }
            Expr::Comprehension(_) | Expr::Unspecified => self.wrong(at, "this is no expression"),
        }
    }

    fn literal(&mut self, literal: &LiteralValue, at: usize) -> Option<Typed> {
        let typed = |value, ty, looseness| Some(Typed { node: Node::Const(value), ty, looseness, at });
        match literal {
            LiteralValue::Boolean(value) => typed(Value::Bool(**value), Type::Bool, Looseness::None),
            LiteralValue::Int(number) => {
                let looseness = if **number == 0 { Looseness::Zero } else { Looseness::None };
                typed(Value::Int(**number), Type::Int, looseness)
            }
            LiteralValue::String(text) => typed(Value::text(text), Type::Text, Looseness::None),
            LiteralValue::Null => typed(Value::Absent, Type::Bool, Looseness::Null),
            LiteralValue::Double(_) => self
                .wrong(at, "numbers with a point are written as text: decimal(\"0.9\") or money(\"0.90\")"),
            LiteralValue::UInt(_) => self.wrong(at, "whole numbers are written without u"),
            LiteralValue::Bytes(_) => self.wrong(at, "bytes are not part of the language"),
        }
    }

    fn name(&mut self, name: &str, at: usize) -> Option<Typed> {
        let typed = |node, ty: &Type| Some(Typed { node, ty: ty.clone(), looseness: Looseness::None, at });
        if let Some((local, (_, ty))) = self.locals.iter().enumerate().rfind(|(_, (known, _))| known == name)
        {
            return typed(Node::Local(local), ty);
        }
        if name == TODAY {
            return self.wrong(at, "today may only be one side of a comparison: today >= date");
        }
        match self.scope.find(name) {
            Some(Name::Variable(Slot(slot), ty)) => typed(Node::Slot(*slot), ty),
            Some(Name::Value(Slot(slot), body)) => typed(Node::Kept(*slot, Arc::clone(body)), &body.ty),
            Some(Name::Function(..) | Name::Host(..)) => {
                self.wrong(at, format!("`{name}` is a function: {name}(...)"))
            }
            None => {
                let known = self.locals.iter().map(|(known, _)| &**known).chain(self.scope.names());
                let hint = meant(name, known);
                self.wrong(at, format!("there is no `{name}` here{hint}"))
            }
        }
    }

    fn field(&mut self, select: &SelectExpr, at: usize, depth: usize) -> Option<Typed> {
        let record = self.expr(&select.operand, depth + 1)?;
        let Type::Record(of) = &record.ty else {
            return self.wrong(at, format!("{} has no fields", record.ty));
        };
        match of.field(&select.field) {
            Some((position, ty)) => {
                let ty = ty.clone();
                Some(Typed {
                    node: Node::Field(Box::new(record.node), position),
                    ty,
                    looseness: Looseness::None,
                    at,
                })
            }
            None => {
                let hint = meant(&select.field, of.fields.iter().map(|(field, _)| &**field));
                self.wrong(at, format!("{} has no field `{}`{hint}", of.name, select.field))
            }
        }
    }

    fn list(&mut self, list: &ListExpr, at: usize, depth: usize) -> Option<Typed> {
        let elements = self.exprs(&list.elements, depth)?;
        let Some(ty) = common(&elements) else {
            let (ty, looseness) = (Type::Bool.list(), Looseness::Empty);
            return match elements.first() {
                None => Some(Typed { node: Node::List(Vec::new()), ty, looseness, at }),
                Some(_) => self.wrong(at, "the elements are not all of one type"),
            };
        };
        if matches!(ty, Type::List(_)) {
            return self.wrong(at, "a list can't hold lists");
        }
        let nodes = elements.into_iter().map(|element| element.into_type(&ty).node).collect();
        Some(Typed { node: Node::List(nodes), ty: ty.list(), looseness: Looseness::None, at })
    }

    /// All of them, so that the problems of each are found.
    fn exprs(&mut self, exprs: &[IdedExpr], depth: usize) -> Option<Vec<Typed>> {
        let typed: Vec<Option<Typed>> = exprs.iter().map(|expr| self.expr(expr, depth + 1)).collect();
        typed.into_iter().collect()
    }

    fn call(&mut self, call: &CallExpr, at: usize, depth: usize) -> Option<Typed> {
        if let (Some(list), [IdedExpr { expr: Expr::Ident(name), id: _ }, ..]) = (&call.target, &*call.args)
            && let Some(kind) = walk_kind(&call.func_name, call.args.len())
        {
            return self.walk(kind, call, list, name, at, depth);
        }
        match (&*call.func_name, call.target.as_deref(), &*call.args) {
            ("decimal" | "money" | "date", None, [argument]) => self.written(&call.func_name, argument, at),
            ("has", None, [IdedExpr { expr: Expr::Select(select), id: _ }]) => {
                let field = self.field(select, at, depth)?;
                known(field, at)
            }
            ("known", None, [argument]) | ("known", Some(argument), []) => {
                let argument = self.expr(argument, depth + 1)?;
                known(argument, at)
            }
            ("or", None, [value, default]) | ("or", Some(value), [default]) => {
                self.two(value, default, at, depth, Node::Or)
            }
            (operators::CONDITIONAL, None, [condition, yes, no]) => {
                self.choice(condition, yes, no, at, depth)
            }
            (operators::LOGICAL_AND, None, [left, right]) => self.logical(left, right, at, depth, Node::Both),
            (operators::LOGICAL_OR, None, [left, right]) => {
                self.logical(left, right, at, depth, Node::Either)
            }
            (operators::LOGICAL_NOT, None, [value]) => {
                let value = self.expr(value, depth + 1)?;
                let value = self.fitted(value, &Type::Bool)?;
                Some(Typed { node: Node::Not(Box::new(value.node)), ..value })
            }
            (operators::NEGATE, None, [value]) => self.negative(value, at, depth),
            (operators::INDEX, None, [list, position]) => self.element(list, position, at, depth),
            (operators::IN, None, [value, list]) => self.within(value, list, at, depth),
            (operators::DIVIDE, None, _) => {
                self.wrong(at, "there is no /: write quotient(a, b), div(a, b) or prorated(money, a, b)")
            }
            (name, None, [left, right]) if let Some(operation) = arithmetic(name) => {
                self.arithmetic(operation, left, right, at, depth)
            }
            (name, None, [left, right]) if let Some(comparison) = comparison(name) => {
                self.comparison(comparison, left, right, at, depth)
            }
            _ => self.function(call, at, depth),
        }
    }

    /// `decimal("0.9")`, `money("80.00")`, `date("2026-01-31")`.
    fn written(&mut self, of: &str, argument: &IdedExpr, at: usize) -> Option<Typed> {
        let Expr::Literal(LiteralValue::String(text)) = &argument.expr else {
            return self.wrong(at, format!("{of} takes a text written down, such as {}", example(of)));
        };
        let decimals = u8::try_from(self.scope.decimals()).unwrap_or(u8::MAX);
        let read = match of {
            "decimal" => Exact::parse(text).map(|number| (Value::Decimal(number), Type::Decimal)),
            "money" => Exact::parse_money(text, decimals).map(|amount| (Value::Money(amount), Type::Money)),
            _ => calendar::parse_day(text).map(|day| (Value::Date(day), Type::Date)),
        };
        match read {
            Some((value, ty)) => Some(Typed { node: Node::Const(value), ty, looseness: Looseness::None, at }),
            None if of == "money" => {
                self.wrong(at, format!("this is no amount with at most {decimals} decimals"))
            }
            None => self.wrong(at, format!("this is no {of}, such as {}", example(of))),
        }
    }

    /// Two of the same type, of which one is the result.
    fn two(
        &mut self,
        left: &IdedExpr,
        right: &IdedExpr,
        at: usize,
        depth: usize,
        node: fn(Box<Node>, Box<Node>) -> Node,
    ) -> Option<Typed> {
        let (left, right, ty) = self.alike(left, right, at, depth)?;
        Some(Typed { node: node(Box::new(left), Box::new(right)), ty, looseness: Looseness::None, at })
    }

    fn alike(
        &mut self,
        left: &IdedExpr,
        right: &IdedExpr,
        at: usize,
        depth: usize,
    ) -> Option<(Node, Node, Type)> {
        let (left, right) = (self.expr(left, depth + 1), self.expr(right, depth + 1));
        let pair = [left?, right?];
        match common(&pair) {
            Some(ty) => {
                let [left, right] = pair.map(|side| side.into_type(&ty).node);
                Some((left, right, ty))
            }
            None => {
                let [left, right] = pair.map(|side| side.words());
                self.wrong(at, format!("the two sides are {left} and {right}"))
            }
        }
    }

    fn choice(
        &mut self,
        condition: &IdedExpr,
        yes: &IdedExpr,
        no: &IdedExpr,
        at: usize,
        depth: usize,
    ) -> Option<Typed> {
        let condition = self.expr(condition, depth + 1);
        let condition = condition.and_then(|condition| self.fitted(condition, &Type::Bool));
        let (yes, no, ty) = self.alike(yes, no, at, depth)?;
        let node = Node::Choice(Box::new([condition?.node, yes, no]));
        Some(Typed { node, ty, looseness: Looseness::None, at })
    }

    fn logical(
        &mut self,
        left: &IdedExpr,
        right: &IdedExpr,
        at: usize,
        depth: usize,
        node: fn(Box<Node>, Box<Node>) -> Node,
    ) -> Option<Typed> {
        let mut side = |expr| {
            let typed = self.expr(expr, depth + 1)?;
            self.fitted(typed, &Type::Bool)
        };
        let (left, right) = (side(left), side(right));
        let node = node(Box::new(left?.node), Box::new(right?.node));
        Some(Typed { node, ty: Type::Bool, looseness: Looseness::None, at })
    }

    fn negative(&mut self, value: &IdedExpr, at: usize, depth: usize) -> Option<Typed> {
        let value = self.expr(value, depth + 1)?;
        if value.has_type() && value.ty.is_number() {
            return Some(Typed {
                node: Node::Negative(Box::new(value.node)),
                looseness: Looseness::None,
                ..value
            });
        }
        self.wrong(at, format!("{} has no sign", value.ty))
    }

    fn element(&mut self, list: &IdedExpr, position: &IdedExpr, at: usize, depth: usize) -> Option<Typed> {
        let list = self.expr(list, depth + 1)?;
        let position = self.expr(position, depth + 1)?;
        let position = self.fitted(position, &Type::Int)?;
        let Type::List(element) = &list.ty else {
            return self.wrong(at, format!("{} has no elements", list.ty));
        };
        let ty = element.as_ref().clone();
        let node = Node::Element(Box::new(list.node), Box::new(position.node));
        Some(Typed { node, ty, looseness: Looseness::None, at })
    }

    fn within(&mut self, value: &IdedExpr, list: &IdedExpr, at: usize, depth: usize) -> Option<Typed> {
        let (value, list) = (self.expr(value, depth + 1)?, self.expr(list, depth + 1)?);
        let Type::List(element) = &list.ty else {
            return self.wrong(at, format!("in needs a list on its right, not {}", list.ty));
        };
        let is_alike = fits(&value, element) || (value.ty == Type::Decimal && **element == Type::Int);
        if !(element.is_scalar() && is_alike || list.looseness == Looseness::Empty) {
            return self.wrong(at, format!("{} can't be in {}", value.ty, list.ty));
        }
        let value = if fits(&value, element) { value.into_type(element) } else { value };
        let node = Node::Within(Box::new(value.node), Box::new(list.node));
        Some(Typed { node, ty: Type::Bool, looseness: Looseness::None, at })
    }

    fn arithmetic(
        &mut self,
        operation: Arithmetic,
        left: &IdedExpr,
        right: &IdedExpr,
        at: usize,
        depth: usize,
    ) -> Option<Typed> {
        let (left, right) = (self.expr(left, depth + 1), self.expr(right, depth + 1));
        let (mut left, mut right) = (left?, right?);
        if matches!(operation, Arithmetic::Add | Arithmetic::Subtract) {
            if fits(&left, &right.ty) && left.is_loose() {
                left = left.into_type(&right.ty);
            } else if fits(&right, &left.ty) && right.is_loose() {
                right = right.into_type(&left.ty);
            }
        }
        let result = operation.result(&left.ty, &right.ty).filter(|_| left.has_type() && right.has_type());
        let Some(ty) = result else {
            return self
                .wrong(at, format!("there is no {} {} {}", left.words(), operation.sign(), right.words()));
        };
        let node = Node::Arithmetic(operation, Box::new(left.node), Box::new(right.node));
        Some(Typed { node, ty, looseness: Looseness::None, at })
    }

    fn comparison(
        &mut self,
        comparison: Comparison,
        left: &IdedExpr,
        right: &IdedExpr,
        at: usize,
        depth: usize,
    ) -> Option<Typed> {
        let node = match (is_today(left), is_today(right)) {
            _ if is_null(left) || is_null(right) => {
                return self.wrong(at, "a comparison with null is always absent; write known(...)");
            }
            (true, true) => return self.wrong(at, "today is today"),
            (true, false) => Node::Today(comparison, Box::new(self.day(right, depth)?)),
            (false, true) => Node::Today(comparison.turned(), Box::new(self.day(left, depth)?)),
            (false, false) => {
                let (left, right, ty) = self.alike(left, right, at, depth)?;
                let may = if comparison.needs_order() { ty.is_ordered() } else { ty.is_scalar() };
                if !may {
                    return self.wrong(at, format!("{ty} can't be compared by {}", comparison.sign()));
                }
                Node::Comparison(comparison, Box::new(left), Box::new(right))
            }
        };
        Some(Typed { node, ty: Type::Bool, looseness: Looseness::None, at })
    }

    fn day(&mut self, expr: &IdedExpr, depth: usize) -> Option<Node> {
        let day = self.expr(expr, depth + 1)?;
        self.fitted(day, &Type::Date).map(|day| day.node)
    }

    fn walk(
        &mut self,
        kind: (WalkKind, bool, bool),
        call: &CallExpr,
        list: &IdedExpr,
        name: &str,
        at: usize,
        depth: usize,
    ) -> Option<Typed> {
        let list = self.expr(list, depth + 1)?;
        let Type::List(element) = &list.ty else {
            return self.wrong(at, format!("{} needs a list, not {}", call.func_name, list.ty));
        };
        if list.looseness == Looseness::Empty {
            return self.wrong(at, "nothing says of which type the elements are");
        }
        if functions::is_word(name) {
            return self.wrong(at, format!("`{name}` is a word of the language, no name for an element"));
        }
        let (kind, has_condition, has_value) = kind;
        self.locals.push((name.to_owned(), element.as_ref().clone()));
        let mut parts = call.args.iter().skip(1);
        let condition = parts.next().filter(|_| has_condition).map(|condition| {
            let condition = self.expr(condition, depth + 1)?;
            self.fitted(condition, &Type::Bool)
        });
        let value = call.args.last().filter(|_| has_value).map(|value| self.expr(value, depth + 1));
        self.locals.pop();
        let condition =
            condition.map_or(Some(None), |condition| condition.map(|condition| Some(condition.node)))?;
        let (value, value_ty) = match value {
            Some(value) => {
                let value = value?;
                (Some(value.node), Some((value.ty, value.looseness)))
            }
            None => (None, None),
        };
        let ty = match (kind, value_ty) {
            (WalkKind::Collect, Some((_, Looseness::Null | Looseness::Empty) | (Type::List(_), _))) => {
                return self.wrong(at, "map needs values of one type that are no lists");
            }
            (WalkKind::Collect, Some((ty, _))) => ty.list(),
            (WalkKind::Collect, None) => list.ty,
            _ => Type::Bool,
        };
        let node = Node::Walk(Box::new(Walk { kind, list: list.node, condition, value }));
        Some(Typed { node, ty, looseness: Looseness::None, at })
    }

    fn function(&mut self, call: &CallExpr, at: usize, depth: usize) -> Option<Typed> {
        let scope: &'s Scope = self.scope;
        let name = &*call.func_name;
        let exprs: Vec<&IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
        let arguments: Vec<Option<Typed>> =
            exprs.into_iter().map(|expr| self.expr(expr, depth + 1)).collect();
        let arguments = arguments.into_iter().collect::<Option<Vec<Typed>>>()?;
        match scope.find(name) {
            Some(Name::Function(params, body)) => {
                self.deepest = self.deepest.max(depth + 1 + body.depth);
                let (body, ty) = (Arc::clone(body), body.ty.clone());
                let nodes = self.arguments(name, params, arguments, at)?;
                Some(Typed { node: Node::Call(body, nodes), ty, looseness: Looseness::None, at })
            }
            Some(Name::Host(function, params, ty)) => {
                let function: HostFn = *function;
                let nodes = self.arguments(name, params, arguments, at)?;
                let node = Node::Host(function, nodes);
                Some(Typed { node, ty: ty.clone(), looseness: Looseness::None, at })
            }
            Some(Name::Variable(..) | Name::Value(..)) => self.wrong(at, format!("`{name}` is no function")),
            None => self.builtin(name, arguments, at),
        }
    }

    fn builtin(&mut self, name: &str, arguments: Vec<Typed>, at: usize) -> Option<Typed> {
        let known = functions::named(name);
        let found = known.iter().find_map(|known| Some((known.signature.of(&arguments)?, known.run)));
        if let Some(((params, ty), run)) = found {
            let fit = |(argument, param): (Typed, &Type)| argument.into_type(param).node;
            let nodes = arguments.into_iter().zip(&params).map(fit).collect();
            return Some(Typed { node: Node::Builtin(run, nodes), ty, looseness: Looseness::None, at });
        }
        let signatures: Vec<&str> = known.iter().map(|known| known.text).collect();
        if signatures.is_empty() {
            let known = functions::names().map(|known| -> &str { known });
            let hint = meant(name, known.chain(self.scope.names()));
            return self.wrong(at, format!("there is no function `{name}`{hint}"));
        }
        let given: Vec<String> = arguments.iter().map(Typed::words).collect();
        self.wrong(at, format!("{name}({}) is not {}", given.join(", "), signatures.join(", nor ")))
    }

    fn arguments(&mut self, name: &str, params: &[Type], given: Vec<Typed>, at: usize) -> Option<Vec<Node>> {
        if params.len() != given.len() {
            return self.wrong(at, format!("{name} takes {} arguments, not {}", params.len(), given.len()));
        }
        let fitted: Vec<Option<Node>> = given
            .into_iter()
            .zip(params)
            .map(|(argument, param)| self.fitted(argument, param).map(|argument| argument.node))
            .collect();
        fitted.into_iter().collect()
    }
}

/// The type that all of them fit, if one of them says which.
fn common(all: &[Typed]) -> Option<Type> {
    let candidates = all.iter().filter(|typed| typed.has_type());
    let mut tied = candidates.map(|typed| &typed.ty).filter(|ty| all.iter().all(|typed| fits(typed, ty)));
    tied.next().cloned()
}

fn known(value: Typed, at: usize) -> Option<Typed> {
    let node = Node::Known(Box::new(value.node));
    Some(Typed { node, ty: Type::Bool, looseness: Looseness::None, at })
}

/// What a list function does, whether it has a condition, and whether it has a value.
fn walk_kind(name: &str, arguments: usize) -> Option<(WalkKind, bool, bool)> {
    match (name, arguments) {
        ("filter", 2) => Some((WalkKind::Collect, true, false)),
        ("map", 2) => Some((WalkKind::Collect, false, true)),
        ("map", 3) => Some((WalkKind::Collect, true, true)),
        ("exists", 2) => Some((WalkKind::Exists, true, false)),
        ("all", 2) => Some((WalkKind::All, true, false)),
        ("exists_one", 2) => Some((WalkKind::ExistsOne, true, false)),
        _ => None,
    }
}

fn arithmetic(name: &str) -> Option<Arithmetic> {
    match name {
        operators::ADD => Some(Arithmetic::Add),
        operators::SUBSTRACT => Some(Arithmetic::Subtract),
        operators::MULTIPLY => Some(Arithmetic::Multiply),
        operators::MODULO => Some(Arithmetic::Remainder),
        _ => None,
    }
}

fn comparison(name: &str) -> Option<Comparison> {
    match name {
        operators::EQUALS => Some(Comparison::Equal),
        operators::NOT_EQUALS => Some(Comparison::Different),
        operators::LESS => Some(Comparison::Less),
        operators::LESS_EQUALS => Some(Comparison::AtMost),
        operators::GREATER => Some(Comparison::Greater),
        operators::GREATER_EQUALS => Some(Comparison::AtLeast),
        _ => None,
    }
}

/// Elements and parameters are never called so.
fn is_today(expr: &IdedExpr) -> bool {
    matches!(&expr.expr, Expr::Ident(name) if name == TODAY)
}

fn is_null(expr: &IdedExpr) -> bool {
    matches!(&expr.expr, Expr::Literal(LiteralValue::Null))
}

fn example(of: &str) -> &'static str {
    match of {
        "decimal" => "decimal(\"0.90\")",
        "money" => "money(\"80.00\")",
        _ => "date(\"2026-01-31\")",
    }
}

/// What was probably meant: a known name that differs in at most two characters.
fn meant<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    let near = known
        .map(|known| (edits(name, known), known))
        .filter(|(edits, known)| *edits <= 2 && *edits < known.len());
    near.min().map_or_else(String::new, |(_, known)| format!("; is `{known}` meant?"))
}

/// How many characters must be put in, taken out or replaced to make one of the other.
fn edits(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, left) in left.bytes().enumerate() {
        let mut diagonal = above;
        let mut before = above + 1;
        for (place, right) in row.iter_mut().skip(1).zip(right.bytes()) {
            let replaced = diagonal + usize::from(left != right);
            diagonal = *place;
            before = replaced.min(before + 1).min(*place + 1);
            *place = before;
        }
        if let Some(first) = row.first_mut() {
            *first = above + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}
