//! From a syntax tree to a checked expression: every name becomes a slot, every operation has its types.

use std::sync::Arc;

use cel::common::ast::{CallExpr, Expr, IdedExpr, ListExpr, LiteralValue, SelectExpr, operators};

use super::Slot;
use super::calls::walk_kind;
use super::eval::Node;
use super::meant::meant;
use super::operations::{arithmetic_of, comparison_of};
use super::parse::{Parsed, Wrong, parse};
use super::program::Body;
use super::scope::{Name, Scope, TODAY};
use super::typed::{Looseness, Typed, common, fits, known};
use super::types::{Type, Value};
use crate::documents::Problem;

/// How deeply expressions may be nested, the functions that they call included.
const DEPTH_MAX: usize = 100;

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

pub(super) struct Check<'s, 'p> {
    pub(super) scope: &'s Scope,
    parsed: &'p Parsed<'p>,
    pub(super) locals: Vec<(String, Type)>,
    wrong: Vec<Wrong>,
    pub(super) deepest: usize,
}

impl<'s> Check<'s, '_> {
    pub(super) fn wrong<T>(&mut self, at: usize, what: impl Into<String>) -> Option<T> {
        self.wrong.push((at, what.into()));
        None
    }

    pub(super) fn fitted(&mut self, typed: Typed, wanted: &Type) -> Option<Typed> {
        if fits(&typed, wanted) {
            return Some(typed.into_type(wanted));
        }
        self.wrong(typed.at, format!("this is {}, it must be {wanted}", typed.words()))
    }

    pub(super) fn expr(&mut self, expr: &IdedExpr, depth: usize) -> Option<Typed> {
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
            (name, None, [left, right]) if let Some(operation) = arithmetic_of(name) => {
                self.arithmetic(operation, left, right, at, depth)
            }
            (name, None, [left, right]) if let Some(comparison) = comparison_of(name) => {
                self.comparison(comparison, left, right, at, depth)
            }
            _ => self.function(call, at, depth),
        }
    }
}
