//! What fish 3.6 itself gives for these texts.

use rstest::rstest;

use crate::{
    domain::{
        reading::{OpaqueReason, Yield},
        secret::SecretValue,
    },
    formats::{
        Contents, Environment,
        files::{Entry, Files, Missed},
        shell::{Failure, Request, Shell, parse, read},
    },
};

/// What a program sees of `K`.
#[derive(Debug, PartialEq, Eq)]
enum Sees {
    Value(&'static str),
    Conditional,
    Dynamic,
    Unset,
    Nothing,
}

use Sees::{Conditional, Dynamic, Nothing, Unset, Value};

fn environment() -> Environment {
    let variables = [("HOME", "/home/me"), ("PARENT", "from-parent"), ("XPATH", "a:b")];
    variables.map(|(name, value)| (name.to_owned(), SecretValue::new(value))).into()
}

#[track_caller]
fn check(contents: &Contents, sees: &Sees) {
    let given = match contents.winner("K").map(|occurrence| &occurrence.yields) {
        Some(Yield::Value(value)) => {
            let Value(expected) = sees else { panic!("should give {sees:?}, gives a value") };
            assert_eq!(String::from_utf8_lossy(value.expose()), *expected);
            return;
        }
        Some(Yield::Opaque(OpaqueReason::Conditional)) => Conditional,
        Some(Yield::Opaque(_)) => Dynamic,
        Some(_) => Unset,
        None => Nothing,
    };
    assert_eq!(given, *sees);
}

#[rstest]
#[case::global("set -gx K v", Value("v"))]
#[case::plain_export("set -x K v", Value("v"))]
#[case::long_options("set --export --global K v", Value("v"))]
#[case::options_end("set -x -g -- K -x", Value("-x"))]
#[case::options_behind_the_name("set K v -gx", Nothing)]
#[case::option_with_a_value("set --export=K v", Nothing)]
#[case::not_exported("set K v", Nothing)]
#[case::stays_exported("set -gx K v\nset K w", Value("w"))]
#[case::taken_back("set -gx K v\nset -u K w", Unset)]
#[case::erased("set -gx K v\nset -e K", Unset)]
#[case::erased_and_set("set -gx K v\nset -e K\nset -g K w", Nothing)]
#[case::no_elements("set -gx K", Value(""))]
#[case::list("set -gx K a b c", Value("a b c"))]
#[case::appended("set -gx K a\nset -a K b", Value("a b"))]
#[case::prepended("set -gx K a\nset -gxp K b", Value("b a"))]
#[case::path("set -gx --path K a b", Value("a:b"))]
#[case::path_by_name("set -gx KPATH a b\nset -gx K \"$KPATH\"", Value("a:b"))]
#[case::inherited_path("set -gx K \"$XPATH\" $XPATH", Value("a:b a b"))]
#[case::cut_at_colons("set -gx --path K a:b c\nset -gx K $K[2]", Value("b"))]
#[case::element("set -gx K a b; set K[1] c", Value("c b"))]
#[case::element_erased("set -gx K a b; set -e K[1]", Value("b"))]
#[case::local_of_the_file("set -lx K v", Nothing)]
#[case::local_of_a_block("begin; set -lx K v; end", Nothing)]
#[case::local_hides("set -gx K a\nbegin; set -l K b; set K c; end", Value("a"))]
#[case::of_the_function("begin; set -fx K v; end", Value("v"))]
#[case::of_the_function_hides("set -gx K g\nset -f K v", Unset)]
#[case::universal("set -Ux K v", Value("v"))]
#[case::universal_hidden("set -Ux K v; set -gx K w", Value("w"))]
#[case::universal_not_hidden("set -Ux K v; set -g K w", Value("v"))]
#[case::universal_behind("set -gx K w; set -Ux K v", Value("w"))]
#[case::export("export K=a=b", Value("a=b"))]
#[case::export_of_a_value("set K v; export K", Value("v"))]
#[case::export_of_a_command("export K=(x)", Dynamic)]
#[case::bad_name("set -gx K=v", Nothing)]
#[case::spaces_around_the_sign("set -gx K = v", Value("= v"))]
#[case::single_quotes(r"set -gx K 'a\'b\\c\d'", Value(r"a'b\c\d"))]
#[case::double_quotes(r#"set -gx K "a\"b\\c\$d\e""#, Value(r#"a"b\c$d\e"#))]
#[case::continued("set -gx K \"a\\\nb\"c\\\nd", Value("abcd"))]
#[case::escapes(r"set -gx K \x41\101\u00e9\cA\tz", Value("AA\u{e9}\u{1}\tz"))]
#[case::escaped_signs(r"set -gx K a\ b\$c\qd", Value("a b$cqd"))]
#[case::cut_at_nul(r"set -gx K a\x00b", Value("a"))]
#[case::braces("set -gx K {a,b}c", Value("ac bc"))]
#[case::no_braces("set -gx K {a} a{}b", Value("{a} a{}b"))]
#[case::braces_in_braces("set -gx K a{b,c{d,e}}f", Value("abf acdf acef"))]
#[case::braces_twice("set -gx K {a,b}{c,d}", Value("ac bc ad bd"))]
#[case::list_in_a_word("set L a b; set -gx K x$L", Value("xa xb"))]
#[case::list_in_quotes("set L a b; set -gx K \"x$L\"", Value("xa b"))]
#[case::lists("set L a b; set -gx K $L$L", Value("aa ba ab bb"))]
#[case::range("set L a b c; set -gx K $L[1..2] \"$L[2..3]\" $L[-1]", Value("a b b c c"))]
#[case::reference("set A B; set B v; set -gx K $$A\"$$A\"", Value("vv"))]
#[case::set_off("set A v; set -gx K {$A}x \"{$A}x\"", Value("vx {v}x"))]
#[case::nothing_vanishes("set -gx K x$MISSING", Value(""))]
#[case::nothing_in_quotes("set -gx K x\"$MISSING\"", Value("x"))]
#[case::home("set -gx K ~/y:~/z \"~/y\"", Value("/home/me/y:~/z ~/y"))]
#[case::comment("set -gx K a#b # c", Value("a#b"))]
#[case::command("set -gx K (pass show x)", Dynamic)]
#[case::command_in_quotes("set -gx K \"$(echo a)x(y)\"", Dynamic)]
#[case::wildcard("set -gx K a*b", Dynamic)]
#[case::read("read -gx K", Dynamic)]
#[case::carriage_returns("if true\r\nset -gx K \"v\"\r\nend\r\n", Value("v"))]
#[case::byte_order_mark("\u{feff}set -gx K v", Value("v"))]
#[case::redirected("set -gx K v > /dev/null 2>&1", Value("v"))]
#[case::piped("echo x | set -gx K v", Value("v"))]
#[case::in_the_background("set -gx K v &", Value("v"))]
#[case::temporary("K=b true", Nothing)]
#[case::and("true; and set -gx K v", Value("v"))]
#[case::and_not("false; and set -gx K v", Nothing)]
#[case::or_not("true && set -gx K v || set -gx K w", Value("v"))]
#[case::not("not false; and set -gx K v", Value("v"))]
#[case::asked("set -q K; or set -gx K v", Conditional)]
#[case::asked_of_itself("set -g K v; set -q K; and set -gx K w", Value("w"))]
#[case::condition("if status is-interactive; set -gx K v; end", Conditional)]
#[case::otherwise("if false; set -gx K v; else; set -gx K w; end", Value("w"))]
#[case::loop_over_words("for i in a b; set -gx K $i; end", Value("b"))]
#[case::loop_left("for i in a b; set -gx K $i; break; end", Value("a"))]
#[case::choice("switch abc; case 'a*'; set -gx K v; case '*'; set -gx K w; end", Value("v"))]
#[case::choice_of_the_unknown("switch (uname); case Linux; set -gx K v; end", Conditional)]
#[case::function("function f; set -gx K v; end", Conditional)]
#[case::local_of_a_function("function f; set -x K v; end; f", Nothing)]
#[case::returned("set -gx K v; return; set -gx K w", Value("v"))]
#[case::guard("status is-interactive; or exit\nset -gx K v", Value("v"))]
#[case::eval("eval set -gx K v", Value("v"))]
fn fish_sees(#[case] text: &str, #[case] sees: Sees) {
    check(&parse(Shell::Fish, text.as_bytes(), &environment()), &sees);
}

/// One file, and none beside it.
struct Only(Vec<u8>);

impl Files for Only {
    fn read(&mut self, _: &str) -> Result<Vec<u8>, Missed> {
        Ok(self.0.clone())
    }

    fn list(&mut self, _: &str) -> Result<Vec<Entry>, Missed> {
        Err(Missed::Absent)
    }
}

#[rstest]
#[case::quote("set -gx K v\nset -gx L \"open\n", (2, 11))]
#[case::parenthesis("set -gx K (echo\nset -gx L v\n", (1, 11))]
#[case::brace("set -gx K {a\n", (1, 11))]
#[case::block("if true\nset -gx K v\n", (1, 1))]
#[case::stray_end("set -gx K v\nend\n", (2, 1))]
#[case::assignment("set -gx K v\nK=w\n", (2, 1))]
#[case::dollar("set -gx K a$\n", (1, 12))]
#[case::here_document("set -gx K v\ncat <<EOF\nEOF\n", (2, 5))]
#[case::dangling_and("set -gx K v; and\n", (1, 17))]
fn a_file_with_a_mistake_does_nothing(#[case] text: &str, #[case] at: (u32, u32)) {
    let environment = environment();
    let request = Request { path: "config.fish", shell: Shell::Fish, environment: &environment };
    let Err(Failure::Refused(refusal)) = read(&request, &mut Only(text.into())) else {
        panic!("{text:?} is refused")
    };
    let position = refusal.position.expect("a place");
    assert_eq!((position.line, position.column), at);
}

#[rstest]
#[case::exported("SETUVAR --export K:sk\\x2dabc", Value("sk-abc"))]
#[case::not_exported("SETUVAR K:abc", Nothing)]
#[case::list("SETUVAR --export K:a\\x1eb", Value("a b"))]
#[case::no_elements("SETUVAR --export K:\\x1d", Value(""))]
#[case::empty("SETUVAR --export K:", Value(""))]
#[case::path("SETUVAR --export --path K:a\\x1eb", Value("a:b"))]
#[case::last("SETUVAR --export K:a\nSETUVAR --export K:b", Value("b"))]
#[case::carriage_return("SETUVAR --export K:a\r", Value("a\r"))]
#[case::characters("SETUVAR --export K:\\u00e9\\U0001f600", Value("\u{e9}\u{1f600}"))]
#[case::not_escaped("SETUVAR --export K:a-b c\"d$e\"", Value("a-b cd$e"))]
#[case::unknown_option("SETUVAR --foo --export K:a", Value("a"))]
#[case::indented("  SETUVAR --export K:a", Nothing)]
#[case::old_line("SET_EXPORT K:a", Nothing)]
#[case::bad_line("bad\nSETUVAR --export K:a", Value("a"))]
fn fish_variables_give(#[case] lines: &str, #[case] sees: Sees) {
    let text = format!("# VERSION: 3.0\n{lines}\n");
    let environment = environment();
    let request = Request { path: "fish_variables", shell: Shell::Fish, environment: &environment };
    check(&read(&request, &mut Only(text.into())).expect("readable").contents, &sees);
}

#[test]
fn variables_of_fish_2_have_other_lines() {
    let environment = environment();
    let request = Request { path: "fish_variables", shell: Shell::Fish, environment: &environment };
    let found = read(&request, &mut Only(b"SET_EXPORT K:a\nSET L:b\n".to_vec()));
    check(&found.expect("readable").contents, &Value("a"));
}

#[test]
fn nesting_ends_somewhere() {
    for (open, inside, close) in [
        ("(", "\"$L[1]\"", ")"),
        ("{", "$L[1]", "}"),
        ("$A[", "1", "]"),
        ("(", "(\"$L[$L[1]]\")", ")"),
    ] {
        for times in (50..70).chain([100_000]) {
            let text = format!("set -gx K {}{inside}{}\n", open.repeat(times), close.repeat(times));
            let contents = parse(Shell::Fish, text.as_bytes(), &environment());
            assert!(times < 61 || contents.winner("K").is_none(), "{open} {times} times");
        }
    }
}
