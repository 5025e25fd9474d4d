//! The rules on sources.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// What sources may not contain.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ban {
    /// Clocks, chance, environment, files, network, threads, state outside arguments.
    Surroundings,
    /// Functions whose last digits differ between machines.
    PlatformMaths,
    /// Going through a hash map or set, whose order means nothing. Known by the name that it was declared with.
    HashOrder,
}

const WORDS: &[&str] = &["SystemTime", "RandomState", "getrandom", "rand", "fastrand", "thread_local"];
/// After `std::`.
const MODULES: &[&str] = &["env", "fs", "io", "net", "os", "process", "thread"];
/// After `::` or `.`.
const CALLS: &[&str] = &["now", "elapsed", "system"];
/// After `.`, `f64::` or `f32::`. `sqrt` is exact everywhere.
const MATHS: &[&str] = &[
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "cos", "cosh", "exp", "exp2",
    "exp_m1", "hypot", "ln", "ln_1p", "log", "log10", "log2", "mul_add", "powf", "powi", "sin", "sin_cos",
    "sinh", "tan", "tanh",
];
const ITERATION: &[&str] = &[
    "drain",
    "extract_if",
    "into_iter",
    "into_keys",
    "into_values",
    "iter",
    "iter_mut",
    "keys",
    "retain",
    "values",
    "values_mut",
];

struct Token {
    text: String,
    line: usize,
}

/// One file, without comments, the contents of literals, and what only tests compile.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    /// Paths of further files, without their ending, that belong to tests.
    pub(crate) test_modules: Vec<PathBuf>,
    tokens: Vec<Token>,
}

impl Source {
    pub(crate) fn parse(path: &Path, text: &str) -> Self {
        let stream: TokenStream = text.parse().unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let mut source = Self { path: path.to_owned(), test_modules: Vec::new(), tokens: Vec::new() };
        source.take(stream);
        source
    }

    fn take(&mut self, stream: TokenStream) {
        let mut trees = stream.into_iter().peekable();
        while let Some(tree) = trees.next() {
            let line = tree.span().start().line;
            match tree {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    if matches!(trees.peek(), Some(TokenTree::Group(group)) if is_cfg_test(&group.stream())) {
                        self.skip_item(&mut trees);
                    }
                }
                TokenTree::Punct(punct) => {
                    let again = punct.as_char() == ':' && punct.spacing() == Spacing::Joint;
                    let text = if again { "::".to_owned() } else { punct.to_string() };
                    if again {
                        trees.next();
                    }
                    self.tokens.push(Token { text, line });
                }
                TokenTree::Ident(ident) => self.tokens.push(Token { text: ident.to_string(), line }),
                TokenTree::Literal(_) => self.tokens.push(Token { text: "literal".to_owned(), line }),
                TokenTree::Group(group) => self.take_group(group.delimiter(), group.stream(), line),
            }
        }
    }

    /// `std::{fs, time::Instant}` is written out: `std::fs, std::time::Instant`.
    fn take_group(&mut self, delimiter: Delimiter, stream: TokenStream, line: usize) {
        let prefix = self.path_before();
        if delimiter == Delimiter::Brace && !prefix.is_empty() {
            let trees: Vec<_> = stream.into_iter().collect();
            let is_comma =
                |tree: &TokenTree| matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ',');
            for part in trees.split(is_comma) {
                self.tokens.push(Token { text: ",".to_owned(), line });
                self.tokens.extend(prefix.iter().map(|text| Token { text: text.clone(), line }));
                self.take(part.iter().cloned().collect());
            }
            return;
        }
        let (open, close) = match delimiter {
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::None => ("", ""),
        };
        self.tokens.push(Token { text: open.to_owned(), line });
        self.take(stream);
        self.tokens.push(Token { text: close.to_owned(), line });
    }

    /// The path that ends here in `::`, as in a `use` before its braces.
    fn path_before(&self) -> Vec<String> {
        let mut start = self.tokens.len();
        while start >= 2 && self.tokens[start - 1].text == "::" {
            start -= 2;
        }
        self.tokens[start..].iter().map(|token| token.text.clone()).collect()
    }

    fn skip_item(&mut self, trees: &mut impl Iterator<Item = TokenTree>) {
        let mut module = None;
        for tree in trees {
            match tree {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return,
                TokenTree::Punct(punct) if punct.as_char() == ';' => break,
                TokenTree::Ident(ident) => module = Some(ident.to_string()),
                _ => {}
            }
        }
        if let Some(module) = module {
            // beside `lib.rs` or `mod.rs`, else in the folder with this file's name
            self.test_modules.push(self.path.with_file_name(format!("{module}.rs")));
            self.test_modules.push(self.path.with_extension("").join(format!("{module}.rs")));
            self.test_modules.push(self.path.with_file_name(module));
        }
    }

    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.text.as_str())
    }

    fn before(&self, at: usize, back: usize) -> &str {
        at.checked_sub(back).map_or("", |at| self.text(at))
    }
}

fn is_cfg_test(attribute: &TokenStream) -> bool {
    attribute.to_string().replace(' ', "") == "cfg(test)"
}

/// Every breach of the bans, in words, over all sources of one crate.
pub(crate) fn breaches(sources: &[Source], bans: &[Ban]) -> Vec<String> {
    let maps = hash_names(sources);
    let mut found = Vec::new();
    for source in sources {
        for at in 0..source.tokens.len() {
            let breach = (bans.contains(&Ban::Surroundings) && touches_surroundings(source, at))
                || (bans.contains(&Ban::PlatformMaths) && is_platform_maths(source, at))
                || (bans.contains(&Ban::HashOrder) && goes_through(source, at, &maps));
            if breach {
                let around: Vec<_> = (at.saturating_sub(2)..at + 3).map(|at| source.text(at)).collect();
                let (path, line) = (source.path.display(), source.tokens[at].line);
                found.push(format!("{path}:{line}: {}", around.join(" ").trim()));
            }
        }
    }
    found
}

fn touches_surroundings(source: &Source, at: usize) -> bool {
    let (text, last, first) = (source.text(at), source.before(at, 1), source.before(at, 2));
    WORDS.contains(&text)
        || (last == "::" && first == "std" && MODULES.contains(&text))
        || (matches!(last, "::" | ".") && CALLS.contains(&text))
        || (last == "static" && text == "mut")
}

fn is_platform_maths(source: &Source, at: usize) -> bool {
    let called = match source.before(at, 1) {
        "." => source.text(at + 1) == "(",
        "::" => matches!(source.before(at, 2), "f64" | "f32"),
        _ => false,
    };
    called && MATHS.contains(&source.text(at))
}

fn goes_through(source: &Source, at: usize, maps: &BTreeSet<String>) -> bool {
    if !maps.contains(source.text(at)) {
        return false;
    }
    let method = source.text(at + 1) == "." && ITERATION.contains(&source.text(at + 2));
    let mut start = at;
    while matches!(source.before(start, 1), "." | "&" | "mut" | "self") || source.text(start) == "." {
        start -= 1;
    }
    method || (source.text(at + 1) == "{" && source.before(start, 1) == "in")
}

/// What is declared to be a hash map or set: `name: HashMap<..>`, `name = HashMap::..`, also by way of an alias.
fn hash_names(sources: &[Source]) -> BTreeSet<String> {
    let mut types = BTreeSet::from(["HashMap".to_owned(), "HashSet".to_owned()]);
    let mut names = BTreeSet::new();
    for _ in 0..2 {
        for source in sources {
            for at in 0..source.tokens.len() {
                if types.contains(source.text(at))
                    && let Some((name, is_type)) = declared(source, at)
                {
                    if is_type {
                        types.insert(name)
                    } else {
                        names.insert(name)
                    };
                }
            }
        }
    }
    names
}

/// The name that the type at `at` is given to, and whether that is a type itself.
fn declared(source: &Source, at: usize) -> Option<(String, bool)> {
    let mut at = at;
    while source.before(at, 1) == "::" {
        at = at.checked_sub(2)?;
    }
    while matches!(source.before(at, 1), "&" | "mut") || source.before(at, 2) == "'" {
        at -= if source.before(at, 2) == "'" { 2 } else { 1 };
    }
    if !matches!(source.before(at, 1), ":" | "=") {
        return None;
    }
    at -= 1;
    if source.before(at, 1) == ">" {
        // the parameters of an alias
        while source.text(at) != "<" {
            at = at.checked_sub(1)?;
        }
    }
    Some((source.before(at, 1).to_owned(), source.before(at, 2) == "type"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        let source = Source::parse(Path::new("src/planted.rs"), text);
        breaches(&[source], &[Ban::Surroundings, Ban::PlatformMaths, Ban::HashOrder]).len()
    }

    #[test]
    fn what_is_allowed_is_no_breach() {
        let sound = [
            "// std::fs, SystemTime::now()",
            "/// Reads `std::env` never.\nfn f() -> &'static str { \"std::fs::read and rand\" }",
            "use crate::time::Instant; fn f(now: Instant, io: u8) -> Instant { now }",
            "use std::{collections::BTreeMap, time::Duration};",
            "fn f(x: f64) -> f64 { libm::exp(x.sqrt()) + x.abs() }",
            "struct S { m: HashMap<u8, u8> } fn f(s: &S, v: Vec<u8>) -> bool { v.iter(); s.m.contains_key(&1) }",
            "#[cfg(test)] mod tests { use std::fs; fn f() { rand(); } }",
            "#[cfg(test)]\n#[allow(unused)]\nmod tests { fn f() { SystemTime::now() } }\nfn g() {}",
        ];
        for text in sound {
            assert_eq!(found(text), 0, "{text}");
        }
    }

    #[test]
    fn planted_breaches_are_found() {
        let planted = [
            "fn f() { let at = SystemTime::UNIX_EPOCH; }",
            "use std::time as t; fn f() { let at = t::Instant::now(); }",
            "fn f() { vec![Instant::now()] }",
            "fn f(at: T) { at.elapsed() }",
            "use std::{collections::BTreeMap, time::Duration, fs::File};",
            "fn f() { std::env::var(\"TZ\") }",
            "use rand::Rng;",
            "static mut N: u8 = 0;",
            "fn f(x: f64) -> f64 { x.powi(2) }",
            "fn f() -> f64 { f64::mul_add(1.0, 2.0, 3.0) }",
            "fn f() { let mut m = HashMap::default(); m.drain(); }",
            "struct S { m: foldhash::HashMap<u8, u8> } fn f(s: &S) { for x in &s.m {} }",
            "struct S { m: HashSet<u8> } impl S { fn f(&mut self) { self.m.retain(|_| true); } }",
            "fn f<'a>(m: &'a mut HashMap<u8, u8>) { for x in m { } }",
            "type Map<K, V> = HashMap<K, V>; struct S { m: Map<u8, u8> } fn f(s: S) { s.m.into_iter(); }",
            "#[cfg(test)] fn g() {} fn f() { SystemTime }",
            "#[cfg(not(test))] fn f() { SystemTime }",
        ];
        for text in planted {
            assert_eq!(found(text), 1, "{text}");
        }
    }

    #[test]
    fn files_that_only_tests_compile_are_known() {
        let source = Source::parse(Path::new("src/patient/mod.rs"), "#[cfg(test)] mod orders; mod rows;");
        assert!(source.test_modules.contains(&PathBuf::from("src/patient/orders.rs")));
        assert!(!source.test_modules.iter().any(|path| path.ends_with("rows.rs")));
    }
}
