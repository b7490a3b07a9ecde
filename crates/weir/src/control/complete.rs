//! What a shell offers behind `weir set`, `unset` and `show`: paths, and the words that a key takes.

use std::io::{self, Write};
use std::path::PathBuf;

use super::client::ask;
use super::protocol::{Request, Shown};
use clap_complete::Shell;

use crate::args::{CompleteArgs, EditorArgs, Format};
use crate::candidate::{complete_path, complete_value};
use crate::exit::{Failure, Outcome};

/// Prints what may follow, one a line; nothing where nothing is known.
pub(crate) fn run(typed: &CompleteArgs) -> Result<Outcome, Failure> {
    let Some((begun, before)) = typed.words.split_last() else { return Ok(Outcome::Done) };
    let mut editor = EditorArgs { config: None, socket: None, format: Format::Json };
    let mut plain = Vec::new();
    let mut words = before.iter().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "-c" | "--config" => editor.config = words.next().map(PathBuf::from),
            "--socket" => editor.socket = words.next().map(PathBuf::from),
            "--format" | "--version" => drop(words.next()),
            flag if flag.starts_with('-') => {}
            word => plain.push(word),
        }
    }
    // Names are the service's; without one the known keys are left.
    let request = Request::Show { running: false, full: false, version: None };
    let text = ask::<Shown>(&editor, &request).map(|shown| shown.text).unwrap_or_default();
    let offered = match plain.as_slice() {
        [] => complete_path(begun, &text),
        [path, ..] => complete_value(path, &text).into_iter().filter(|word| word.starts_with(begun.as_str())).collect(),
    };
    let mut out = io::stdout().lock();
    // One that is no line of its own cannot be typed either.
    let mut typeable = offered.iter().filter(|word| !word.contains(char::is_control));
    typeable.try_for_each(|word| writeln!(out, "{word}"))?;
    Ok(Outcome::Done)
}

const BASH: &str = r#"
# Behind set, unset and show: the keys of the service and the words that they take.
_weir_keys() {
    case "${COMP_WORDS[1]}" in
    set | unset | show)
        if [[ "${COMP_WORDS[COMP_CWORD]}" != -* ]]; then
            local word
            local -a typed=() found=()
            # Words come as they were typed, and go as they are to be typed: a name is never a piece of a program.
            for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
                IFS= read -d '' word < <(printf '%s\0' "$word")
                typed+=("$word")
            done
            mapfile -t found < <("${COMP_WORDS[0]}" complete-path "${typed[@]}" 2>/dev/null)
            COMPREPLY=()
            for word in "${found[@]}"; do
                printf -v word '%q' "$word"
                COMPREPLY+=("$word")
            done
            [[ "${COMPREPLY[0]}" == *. ]] && compopt -o nospace 2>/dev/null
            return 0
        fi
        ;;
    esac
    _weir "$@"
}
complete -F _weir_keys -o bashdefault -o default weir
"#;

const ZSH: &str = r#"
# Behind set, unset and show: the keys of the service and the words that they take.
_weir_keys() {
    if [[ "${words[2]}" == (set|unset|show) && "${words[CURRENT]}" != -* ]]; then
        local -a found
        found=("${(@f)$("${words[1]}" complete-path "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
        # What is inserted is quoted by the shell.
        compadd -S '' -a found
    else
        _weir "$@"
    fi
}
compdef _weir_keys weir
"#;

const FISH: &str = r#"
# Behind set, unset and show: the keys of the service and the words that they take.
complete -c weir -n "__fish_seen_subcommand_from set unset show" -f -a "(weir complete-path (commandline -opc)[2..] (commandline -ct) 2>/dev/null)"
"#;

/// What a script of completions asks besides the words that are known when it is printed.
pub(crate) const fn script(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => BASH,
        Shell::Zsh => ZSH,
        Shell::Fish => FISH,
        _ => "",
    }
}
