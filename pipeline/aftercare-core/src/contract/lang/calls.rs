//! Functions in expressions: those of the language, of the document and of the host.

use std::sync::Arc;

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue};

use super::calendar;
use super::check::Check;
use super::eval::{Node, Walk, WalkKind};
use super::exact::Exact;
use super::functions;
use super::meant::meant;
use super::scope::{HostFn, Name, Scope};
use super::typed::{Looseness, Typed};
use super::types::{Type, Value};

impl<'s> Check<'s, '_> {
    pub(super) fn walk(
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

    /// `decimal("0.9")`, `money("80.00")`, `date("2026-01-31")`.
    pub(super) fn written(&mut self, of: &str, argument: &IdedExpr, at: usize) -> Option<Typed> {
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

    pub(super) fn function(&mut self, call: &CallExpr, at: usize, depth: usize) -> Option<Typed> {
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

/// What a list function does, whether it has a condition, and whether it has a value.
pub(super) fn walk_kind(name: &str, arguments: usize) -> Option<(WalkKind, bool, bool)> {
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

fn example(of: &str) -> &'static str {
    match of {
        "decimal" => "decimal(\"0.90\")",
        "money" => "money(\"80.00\")",
        _ => "date(\"2026-01-31\")",
    }
}
