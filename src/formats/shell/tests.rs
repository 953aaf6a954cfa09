use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::domain::{
    reading::{OpaqueReason, Yield},
    secret::SecretValue,
};

/// What a process sees of `K`.
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
    let variables = [("HOME", "/home/me"), ("PARENT", "from-parent"), ("EMPTY", "")];
    variables.map(|(name, value)| (name.to_owned(), SecretValue::new(value))).into()
}

#[track_caller]
fn check(shell: Shell, text: &str, sees: &Sees) {
    let contents = parse(shell, text.as_bytes(), &environment());
    let yields = contents.winner("K").map(|occurrence| &occurrence.yields);
    let matches = match (sees, yields) {
        (Value(expected), Some(Yield::Value(value))) => value.expose() == expected.as_bytes(),
        (Conditional, Some(Yield::Opaque(reason))) => *reason == OpaqueReason::Conditional,
        (Dynamic, Some(Yield::Opaque(reason))) => *reason == OpaqueReason::Dynamic,
        (Unset, Some(Yield::Unset)) | (Nothing, None) => true,
        _ => false,
    };
    let value = match yields {
        Some(Yield::Value(value)) => String::from_utf8_lossy(value.expose()).into_owned(),
        other => format!("{other:?}"),
    };
    assert!(matches, "{text:?} should give {sees:?}, gives {value}");
}

#[rstest]
#[case::plain("export K=v", Value("v"))]
#[case::assigned_then_exported("K=v\nexport K", Value("v"))]
#[case::exported_then_assigned("export K\nK=v", Value("v"))]
#[case::already_exported("export K=a\nK=b", Value("b"))]
#[case::exported_alone("export K", Nothing)]
#[case::exported_by_the_environment("PARENT=x\nexport K=$PARENT", Value("x"))]
#[case::never_exported("K=v", Nothing)]
#[case::declare("declare -x K=v", Value("v"))]
#[case::declare_without("declare K=v", Nothing)]
#[case::typeset("typeset -gx K=v", Value("v"))]
#[case::readonly("readonly K=v; export K", Value("v"))]
#[case::not_exported_again("export K=v\nexport -n K", Unset)]
#[case::declared_back("export K=v\ndeclare +x K", Unset)]
#[case::unset("export K=v\nunset K", Unset)]
#[case::unset_then_assigned("export K=v\nunset K\nK=w", Unset)]
#[case::unset_function("export K=v\nunset -f K", Value("v"))]
#[case::all_export("set -a\nK=v\nset +a\nL=w", Value("v"))]
#[case::all_export_by_name("set -o allexport; K=v", Value("v"))]
#[case::all_export_ends("set -a; set +a; K=v", Nothing)]
#[case::several_on_a_line("export A=1 K=v B=2", Value("v"))]
#[case::several_commands("A=1; export K=v; B=2", Value("v"))]
#[case::appended("export K=a\nK+=b", Value("ab"))]
#[case::appended_to_nothing("export K+=b", Value("b"))]
#[case::double_quotes(r#"export K="a b\"c\$d\\e\qf""#, Value(r#"a b"c$d\e\qf"#))]
#[case::single_quotes(r"export K='a\b'", Value(r"a\b"))]
#[case::joined(r#"export K="a"'b'c\ d"#, Value("abc d"))]
#[case::quoted_whole(r#"export "K=a b""#, Value("a b"))]
#[case::decoded(r"export K=$'a\tb\x41\101\u00e9\'c'", Value("a\tbAA\u{e9}'c"))]
#[case::continued("export K=a\\\nb", Value("ab"))]
#[case::continued_command("export \\\n  K=v", Value("v"))]
#[case::over_lines("export K=\"a\nb\"", Value("a\nb"))]
#[case::comment("export K=v # no\n", Value("v"))]
#[case::no_comment("export K=v#no\n", Value("v#no"))]
#[case::commented_out("# export K=v\n", Nothing)]
#[case::carriage_return("export K=v\r\n", Value("v\r"))]
#[case::empty("export K=\n", Value(""))]
#[case::space_behind_the_sign("export K= v", Value(""))]
#[case::spaces_around_the_sign("export K = v", Nothing)]
#[case::reference("A=1\nexport K=$A-${A}", Value("1-1"))]
#[case::reference_to_the_environment("export K=$PARENT", Value("from-parent"))]
#[case::reference_to_nothing("export K=a${MISSING}b", Value("ab"))]
#[case::default("export K=${MISSING:-d}", Value("d"))]
#[case::default_of_empty("export K=${EMPTY:-d}${EMPTY-e}", Value("d"))]
#[case::nested_default("export K=${MISSING:-${PARENT:-d}}", Value("from-parent"))]
#[case::replaced("export K=${PARENT:+r}${MISSING+s}", Value("r"))]
#[case::assigned_by_default(": \"${K:=d}\"\nexport K", Value("d"))]
#[case::single_quotes_in_a_quoted_default("export K=\"${MISSING:-'d'}\"", Value("'d'"))]
#[case::home("export K=~/x", Value("/home/me/x"))]
#[case::no_home("export K='~/x'", Value("~/x"))]
#[case::command("export K=$(pass show x)", Dynamic)]
#[case::command_in_quotes("export K=\"$(pass show \"a)b\")\"", Dynamic)]
#[case::backticks("export K=`pass`", Dynamic)]
#[case::read("read -r K\nexport K", Dynamic)]
#[case::eval("eval \"export K=$(x)\"", Dynamic)]
#[case::arithmetic("export K=$((1 + 2))", Dynamic)]
#[case::cut("export K=${PARENT#from}", Dynamic)]
#[case::known_from_dynamic("A=$(x)\nexport K=a$A", Dynamic)]
#[case::dynamic_then_known("export K=$(x)\nexport K=v", Value("v"))]
#[case::condition("if [ -f x ]; then\n  export K=v\nfi", Conditional)]
#[case::otherwise("if [ -f x ]; then :; else export K=v; fi", Conditional)]
#[case::constant_condition("if true; then export K=v; else export K=w; fi", Value("v"))]
#[case::false_condition("if false; then export K=v; else export K=w; fi", Value("w"))]
#[case::below_a_condition("if x; then export K=a; fi\nexport K=v", Value("v"))]
#[case::choice("case $x in\n a|b) export K=v ;;\n (*) : ;;\nesac", Conditional)]
#[case::loop_over_words("for i in 1 2; do export K=$i; done", Value("2"))]
#[case::loop_over_a_value("A='1 2'; for i in $A; do export K=$i; done", Value("2"))]
#[case::loop_over_nothing("for i in $MISSING; do export K=v; done", Nothing)]
#[case::loop_over_a_command("for i in $(x); do export K=$i; done", Conditional)]
#[case::loop_that_may_end("for i in 1 2; do x && break; export K=$i; done", Conditional)]
#[case::loop_in_a_loop("for i in 1 2; do for j in a b; do export K=$i$j; done; done", Value("2b"))]
#[case::here_document_in_a_loop(
    "for i in 1 2; do cat <<E; done; export K=v\nK=no\nE\nexport L=w",
    Value("v")
)]
#[case::loop_while("while read l; do export K=$l; done < f", Conditional)]
#[case::function("f() { export K=v; }", Conditional)]
#[case::named_function("function f {\n export K=v\n}", Conditional)]
#[case::local("f() { local K=v; typeset -x K=w; }", Nothing)]
#[case::subshell("( export K=v )", Nothing)]
#[case::group("{ export K=v; }", Value("v"))]
#[case::after_success("x && export K=v", Conditional)]
#[case::after_failure("[ -n \"$K\" ] || export K=v", Conditional)]
#[case::after_certain_success("A=1 && export K=v", Value("v"))]
#[case::after_certain_failure("A=1 || export K=v", Nothing)]
#[case::negated("! true || export K=v", Value("v"))]
#[case::local_outside_a_function("local K=v; export K", Nothing)]
#[case::vanished_command("export K\nK=v $MISSING", Value("v"))]
#[case::background_list("export K=a && x &\n", Nothing)]
#[case::before_and("export K=v && x", Value("v"))]
#[case::pipe("export K=v | x", Nothing)]
#[case::background("export K=v & \n", Nothing)]
#[case::temporary("K=v command", Nothing)]
#[case::conditional_unset("export K=v\nif x; then unset K; fi", Conditional)]
#[case::guard("case $- in *i*) ;; *) return;; esac\nexport K=v", Value("v"))]
#[case::guard_by_if("if [ -z \"$PS1\" ]; then\n  return\nfi\nexport K=v", Value("v"))]
#[case::guard_by_and("[ -z \"$PS1\" ] && return\nexport K=v", Value("v"))]
#[case::returned("return\nexport K=v", Nothing)]
#[case::here_document("cat <<EOF\nexport K=v\nEOF\n", Nothing)]
#[case::here_document_quoted("cat <<'E F' >x\nexport K=v\nE F\nexport K=w\n", Value("w"))]
#[case::here_document_with_tabs("cat <<-EOF\n\texport K=v\n\tEOF\nexport K=w\n", Value("w"))]
#[case::here_string("cat <<< x; export K=v", Value("v"))]
#[case::redirected("export K=v 2>/dev/null", Value("v"))]
#[case::array("K=(a b)\nexport K=v", Unset)]
#[case::array_unset("K=(a b)\nunset K\nexport K=v", Value("v"))]
#[case::test_with_operators("[[ a < b && ( c > d ) ]]; export K=v", Value("v"))]
#[case::arithmetic_command("(( a < b )); export K=v", Value("v"))]
#[case::case_in_a_command("A=$(case x in x) echo;; esac); export K=v", Value("v"))]
#[case::unclosed_quote("export K=v\nexport L=\"a\nexport M=b\n", Value("v"))]
#[case::unclosed_quote_swallows("export L=\"a\nexport K=v\n", Nothing)]
#[case::unclosed_block("if true; then\nexport K=v\n", Nothing)]
#[case::stray_word("export K=v\nfi\nexport K=w", Value("v"))]
#[case::whole_line_refused("export K=v; )\n", Nothing)]
#[case::bad_substitution("export K=v\nexport L=${{ x }}\nexport K=w", Value("v"))]
#[case::nul("export K=a\0b", Value("ab"))]
fn bash_sees(#[case] text: &str, #[case] sees: Sees) {
    check(Shell::Bash, text, &sees);
}

#[rstest]
#[case::set_option("setopt all_export\nK=v", Value("v"))]
#[case::qualifier("for f in ~/x/*(N); do . $f; done\nexport K=v", Value("v"))]
#[case::brace_without_operator("f() { typeset -gx K=v }\n", Conditional)]
#[case::global_export("f() { typeset -gx K=v; }\n", Conditional)]
fn zsh_sees(#[case] text: &str, #[case] sees: Sees) {
    check(Shell::Zsh, text, &sees);
}

#[test]
fn a_posix_shell_knows_no_dollar_quotes() {
    check(Shell::Posix, "export K=$'v'", &Value("$v"));
}

#[rstest]
#[case::plain("K=v\n", Value("v"))]
#[case::export("export K=v\n", Value("v"))]
#[case::hash_in_quotes("K=\"a # b\"\n", Value("a "))]
#[case::quotes("K='v'\n", Value("v"))]
#[case::spaces("K=\"v\"  \n", Value("v\"  "))]
#[case::continued("K=a\\\nb\n", Value("ab"))]
#[case::carriage_return("K=v\r\n", Value("v\r"))]
#[case::removed("K=v\nK\n", Unset)]
#[case::last("K=v\nK=w\n", Value("w"))]
#[case::not_expanded("K=$PARENT\n", Value("$PARENT"))]
#[case::bad_name("a-b=x\nK=v\n", Value("v"))]
#[case::unfinished("K=v\nK=w\\\n", Value("v"))]
fn pam_env_sees(#[case] text: &str, #[case] sees: Sees) {
    check(Shell::EnvironmentFile, text, &sees);
}

#[test]
fn what_is_not_exported_is_named() {
    let contents = parse(Shell::Bash, b"A=1\nexport B=2\n", &environment());
    let [lost, won] = contents.occurrences.as_slice() else { panic!("{contents:?}") };
    assert!(!lost.wins && lost.variable == "A");
    assert!(won.wins && won.variable == "B");
    let [problem] = contents.problems.as_slice() else { panic!("{contents:?}") };
    assert_eq!(problem.text, "assigned but not exported");
    assert_eq!(problem.place, lost.place);
}

#[rstest]
#[case("export K=v", 1, 10)]
#[case("A=1\n  export K=\"v\"", 2, 13)]
#[case("export A=1 \\\n  K=$'v'", 2, 7)]
#[case("export \"K=v\"", 1, 11)]
fn values_have_their_places(#[case] text: &str, #[case] line: u32, #[case] column: u32) {
    let contents = parse(Shell::Bash, text.as_bytes(), &environment());
    let at = contents.winner("K").unwrap().place.position.unwrap();
    assert_eq!((at.line, at.column), (line, column));
}

#[rstest]
#[case("/home/me/.bashrc", Shell::Bash)]
#[case("~/.zshrc", Shell::Zsh)]
#[case("/etc/zsh/zprofile", Shell::Zsh)]
#[case("~/.profile", Shell::Posix)]
#[case("/etc/environment", Shell::EnvironmentFile)]
#[case("project/.envrc", Shell::Bash)]
#[case("~/.config/fish/config.fish", Shell::Fish)]
#[case("~/.config/fish/fish_variables", Shell::Fish)]
#[case("~/.config/fish", Shell::Fish)]
#[case("~/.config/environment.d", Shell::EnvironmentD)]
#[case("/etc/environment.d/10-keys.conf", Shell::EnvironmentD)]
fn names_suggest_the_reader(#[case] path: &str, #[case] shell: Shell) {
    assert_eq!(Shell::guess(path), shell);
    assert_eq!(Shell::from_name(shell.name()), Some(shell));
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in file(), shell in prop::sample::select(Shell::ALL)) {
        let contents = parse(shell, &bytes, &environment());
        crate::formats::dotenv::tests::hold(&contents, &bytes)?;
    }
}

/// Bytes, or the pieces that grammars are made of.
pub(in crate::formats) fn file() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "K",
        "A",
        "=",
        "+=",
        "\"",
        "'",
        "`",
        "$",
        "${",
        "}",
        "$(",
        ")",
        "(",
        "{ ",
        "\\",
        "\n",
        "\r",
        " ",
        "\t",
        "#",
        ";",
        ";;",
        "&&",
        "||",
        "|",
        "&",
        "<<E\n",
        "E\n",
        "<",
        ">",
        "export ",
        "unset ",
        "set -a\n",
        "if ",
        "then ",
        "else ",
        "fi\n",
        "for ",
        "do ",
        "done\n",
        "case ",
        " in ",
        "esac\n",
        "function ",
        "[[ ",
        " ]]",
        "((",
        "))",
        ":-",
        ":",
        "-",
        "?",
        "~",
        "\u{feff}",
        "\u{2028}",
        "\u{a0}",
        "é",
        "\0",
        "read ",
        "eval ",
        "declare -x ",
        "return\n",
        "1",
        "$'",
        "!",
    ];
    let grammar = prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..40)
        .prop_map(|pieces| pieces.concat().into_bytes());
    let noise = prop::collection::vec(any::<u8>(), 0..80);
    prop_oneof![4 => grammar, 1 => noise]
}
