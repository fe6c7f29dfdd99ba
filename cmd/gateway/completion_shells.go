package main

import (
	"fmt"
	"io"
	"strings"
)

// writeBash writes the completion of bash. It does without the package
// bash-completion. bash parts --flag=value at the = before it asks.
func writeBash(b io.Writer, all []completionPlace) {
	fmt.Fprint(b, `# bash completion of gateway. For this shell:  source <(gateway completion bash)
_gateway() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev='' n=$COMP_CWORD w=("${COMP_WORDS[@]}") words='' kind=''
  ((n > 0)) && prev=${w[n-1]}
  if [[ $cur == '=' ]]; then cur=''; elif [[ $prev == '=' ]] && ((n > 1)); then prev=${w[n-2]}; fi
`)
	walk(b, all)
	fmt.Fprintln(b, `  case "$at:$prev" in`)
	for _, p := range all {
		for _, f := range p.flags {
			if f.takes.some {
				fmt.Fprintf(b, "    %s) kind=%s; words=%s ;;\n", f.pattern(p.path), f.takes.kind(), quoted(strings.Join(f.takes.words, " ")))
			}
		}
	}
	fmt.Fprintln(b, "    *) case \"$at\" in")
	for _, p := range all {
		var flags []word
		for _, f := range p.flags {
			flags = append(flags, f.word)
		}
		fmt.Fprintf(b, "      %s) if [[ $cur == -* ]]; then words=%s; else words=%s; kind=%s; fi ;;\n", quoted(p.path),
			quoted(wordList(flags)), quoted(strings.TrimSpace(wordList(p.commands)+" "+strings.Join(p.argument.words, " "))), p.argument.kind())
	}
	fmt.Fprint(b, `    esac ;;
  esac
  case "$kind" in
    files) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    dirs) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur") ;;
  esac
}
complete -F _gateway gateway
`)
}

// kind is how a script is told what files a value may be.
func (v values) kind() string {
	switch {
	case v.files:
		return "files"
	case v.dirs:
		return "dirs"
	}
	return "''"
}

// writeZsh writes the completion of zsh, a file _gateway of a folder in $fpath.
func writeZsh(b io.Writer, all []completionPlace) {
	fmt.Fprint(b, `#compdef gateway
# zsh completion of gateway. For this shell:  source <(gateway completion zsh)
_gateway() {
  setopt localoptions ksharrays
  local -a w=("${words[@]}") list
  local n=$((CURRENT - 1)) prev='' cur='' kind=''
  cur=${w[n]}
  ((n > 0)) && prev=${w[n-1]}
`)
	walk(b, all)
	fmt.Fprintln(b, `  case "$at:$prev" in`)
	for _, p := range all {
		for _, f := range p.flags {
			if f.takes.some {
				fmt.Fprintf(b, "    %s) kind=%s; list=(%s) ;;\n", f.pattern(p.path), cmpKind(f.takes), quotedList(plainWords(f.takes.words)))
			}
		}
	}
	fmt.Fprintln(b, "    *) case \"$at\" in")
	for _, p := range all {
		var flags []word
		for _, f := range p.flags {
			flags = append(flags, f.word)
		}
		kind := "words"
		if p.argument.files || p.argument.dirs {
			kind = p.argument.kind()
		}
		fmt.Fprintf(b, "      %s) if [[ $cur == -* ]]; then kind=words; list=(%s); else kind=%s; list=(%s); fi ;;\n",
			quoted(p.path), quotedList(flags), kind, quotedList(append(p.commands, plainWords(p.argument.words)...)))
	}
	fmt.Fprint(b, `    esac ;;
  esac
  unsetopt ksharrays
  case "$kind" in
    files) _files ;;
    dirs) _files -/ ;;
    words) _describe 'gateway' list ;;
  esac
}
if [[ $funcstack[1] == _gateway ]]; then _gateway "$@"; else compdef _gateway gateway; fi
`)
}

// cmpKind is the kind of a value, of which the words are one.
func cmpKind(v values) string {
	if len(v.words) > 0 {
		return "words"
	}
	return v.kind()
}

func plainWords(texts []string) []word {
	var words []word
	for _, t := range texts {
		words = append(words, word{text: t})
	}
	return words
}

// quotedList writes words as _describe of zsh takes them.
func quotedList(words []word) string {
	var all []string
	for _, w := range words {
		text := strings.ReplaceAll(w.text, ":", `\:`)
		if w.help != "" {
			text += ":" + w.help
		}
		all = append(all, quoted(text))
	}
	return strings.Join(all, " ")
}

// writeFish writes the completion of fish.
func writeFish(b io.Writer, all []completionPlace) {
	fmt.Fprint(b, `# fish completion of gateway. For this shell:  gateway completion fish | source
function __gateway_at
    set -l at ''
    set -l skip ''
    set -l w (commandline -opc)
    for x in $w[2..-1]
        if test -n "$skip"
            set skip ''
            continue
        end
        switch "$at:$x"
`)
	for _, p := range all {
		for _, c := range p.commands {
			fmt.Fprintf(b, "            case %s\n                set at %s\n", quoted(p.path+":"+c.text), quoted(strings.TrimSpace(p.path+" "+c.text)))
		}
		for _, f := range p.flags {
			if f.takes.some {
				fmt.Fprintf(b, "            case %s\n                set skip 1\n", strings.ReplaceAll(f.pattern(p.path), "|", " "))
			}
		}
	}
	fmt.Fprint(b, `        end
    end
    test "$at" = "$argv[1]"
end
complete -c gateway -f
`)
	for _, p := range all {
		at := fmt.Sprintf("complete -c gateway -n %s", quoted("__gateway_at "+fishQuoted(p.path)))
		for _, c := range p.commands {
			fmt.Fprintf(b, "%s -a %s -d %s\n", at, fishQuoted(c.text), fishQuoted(c.help))
		}
		switch {
		case p.argument.files, p.argument.dirs:
			fmt.Fprintf(b, "%s -F\n", at)
		case len(p.argument.words) > 0:
			fmt.Fprintf(b, "%s -a %s\n", at, fishQuoted(strings.Join(p.argument.words, " ")))
		}
		for _, f := range p.flags {
			fmt.Fprintf(b, "%s -l %s%s%s -d %s\n", at, strings.TrimPrefix(f.text, "--"), fishShort(f.short), fishValues(f.takes), fishQuoted(f.help))
		}
	}
}

// fishQuoted writes a text as one word of fish, within single quotes: only \
// and ' mean something there.
func fishQuoted(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}

func fishShort(short string) string {
	if short == "" {
		return ""
	}
	return " -s " + strings.TrimPrefix(short, "-")
}

func fishValues(v values) string {
	switch {
	case !v.some:
		return ""
	case len(v.words) > 0:
		return " -x -a " + fishQuoted(strings.Join(v.words, " "))
	case v.files, v.dirs:
		return " -r -F"
	}
	return " -x"
}
