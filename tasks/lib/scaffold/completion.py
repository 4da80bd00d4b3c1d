"""Completion for the shell: tasks with their functions, commands, options of the verb that is named, stages.

in   the name of a shell; doit's own commands
out  `script(shell, commands)`: what that shell is to read; it asks the command that is being typed, so it knows each
     project

Words are asked of `list`, options of `help`; a stage is a table of the lambda.toml in the current folder. Commands are
offered as the first word and behind `help`, `init` to the one name that knows it.
"""

from __future__ import annotations

from collections.abc import Iterable

OURS = "haskell-on-lambda"
COMMANDS = ("doit", OURS)
TASKS = "list --all --quiet 2>/dev/null | sed 's/ *$//'"
STAGES = r"sed -n 's/^[[:space:]]*\[stage\.\([A-Za-z0-9_-]*\).*/stage=\1/p' lambda.toml 2>/dev/null"
OPTIONS = "grep -oE -e '--[a-z][a-z-]*' | sort -u"

BASH = f"""\
_haskell_on_lambda() {{
  local line="${{COMP_LINE:0:COMP_POINT}}" word verb words before
  word="${{line##* }}"
  verb="$(printf '%s\\n' $line | sed 1d | grep -m1 '^[a-z]')"
  case "$word" in
  -*) words="$("$1" help "${{verb%%:*}}" 2>/dev/null | {OPTIONS})" ;;
  *) words="$("$1" {TASKS}; {STAGES} | sort -u)" ;;
  esac
  if [[ $word != -* && (${{line#* }} != *" "* || $line == *" help "*) ]]; then
    words="$words @WORDS@$([ "${{1##*/}}" = {OURS} ] && echo " init")"
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  before="${{word%"${{word##*[:=]}}"}}" # bash begins a word behind each of these
  COMPREPLY=("${{COMPREPLY[@]#"$before"}}")
}}
complete -o default -F _haskell_on_lambda {" ".join(COMMANDS)}
"""
ZSH = f"""\
#compdef {" ".join(COMMANDS)}
_haskell_on_lambda() {{
  local -a found
  local verb=${{${{(M)words[2,-1]:#[a-z]*}}[1]}}
  if [[ $words[CURRENT] == -* ]]; then
    found=(${{(f)"$($words[1] help ${{verb%%:*}} 2>/dev/null | {OPTIONS})"}})
  else
    found=(${{(f)"$($words[1] {TASKS}; {STAGES} | sort -u)"}})
    if (( CURRENT == 2 )) || [[ $words[2] == help ]]; then
      found+=(@WORDS@)
      [[ ${{words[1]:t}} == {OURS} ]] && found+=(init)
    fi
  fi
  compadd -- $found || _files
}}
compdef _haskell_on_lambda {" ".join(COMMANDS)}
"""
FISH = f"""\
function __haskell_on_lambda
    set -l typed (commandline -opc)
    if string match -q -- '-*' (commandline -ct)
        set -l verb (string match -r -- '^[a-z][^:]*' $typed[2..])
        $typed[1] help $verb[1] 2>/dev/null | {OPTIONS}
    else
        $typed[1] {TASKS}
        {STAGES} | sort -u
        if test (count $typed) -lt 2; or test $typed[2] = help
            printf '%s\\n' @WORDS@
            test (basename $typed[1]) = {OURS}; and echo init
        end
    end
end
function __haskell_on_lambda_first
    test (count (commandline -opc)) -lt 2
end
{chr(10).join(f"complete -c {name} -a '(__haskell_on_lambda)'" for name in COMMANDS)}
{chr(10).join(f"complete -c {name} -f -n __haskell_on_lambda_first" for name in COMMANDS)}
"""
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
READ_BY = {
    "bash": "doit completion bash >~/.local/share/bash-completion/completions/doit",
    "zsh": "doit completion zsh >~/.zfunc/_doit, with fpath+=~/.zfunc before compinit in ~/.zshrc",
    "fish": "doit completion fish >~/.config/fish/completions/doit.fish",
}


def script(shell: str, commands: Iterable[str]) -> str:
    """The script of one of SCRIPTS, with the line that keeps it."""
    return f"{SCRIPTS[shell].replace('@WORDS@', ' '.join(commands))}# {READ_BY[shell]}\n"
