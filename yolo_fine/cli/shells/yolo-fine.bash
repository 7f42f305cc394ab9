# Completion of yolo-fine for bash, made by: yolo-fine completion bash
_yolo_fine_subverbs() {
  case "$$1" in
$subverbs
  esac
}
_yolo_fine_keys() {
  case "$$1" in
$keys
  esac
}
_yolo_fine_values() {
  case "$$1" in
$values
  esac
}
_yolo_fine() {
  local line=$${COMP_LINE:0:COMP_POINT} current="" verb rest word key="" choices
  local -a words
  read -ra words <<< "$$line"
  words=("$${words[@]:1}")
  if [[ $$line != *[[:space:]] ]] && (( $${#words[@]} )); then
    current=$${words[-1]}
    unset 'words[-1]'
  fi
  [[ $${words[0]} == help ]] && words=("$${words[@]:1}")
  COMPREPLY=()
  verb=$${words[0]}
  if [[ -z $$verb ]]; then
    COMPREPLY=($$(compgen -W "$verbs" -- "$$current"))
    return
  fi
  if [[ -n $$(_yolo_fine_subverbs "$$verb") ]]; then
    if [[ -z $${words[1]} ]]; then
      COMPREPLY=($$(compgen -W "$$(_yolo_fine_subverbs "$$verb")" -- "$$current"))
      return
    fi
    verb="$$verb $${words[1]}"
  fi
  if [[ $$current == *=* ]]; then
    key=$${current%%=*}
    word=$${current#*=}
  else
    word=$$current
    for choices in $$(_yolo_fine_keys "$$verb"); do
      [[ $$choices == "$$current"* && " $${words[*]}" != *" $$choices"* ]] && COMPREPLY+=("$$choices")
    done
    (( $${#COMPREPLY[@]} )) && compopt -o nospace 2> /dev/null
  fi
  choices=$$(_yolo_fine_values "$$verb:$$key")
  if [[ $$choices == *"<files>"* ]]; then
    choices=$${choices//<files>/}
    compopt -o filenames 2> /dev/null
    while read -r rest; do COMPREPLY+=("$$rest"); done < <(compgen -f -- "$$word")
  fi
  COMPREPLY+=($$(compgen -W "$$choices" -- "$$word"))
  if [[ -n $$key && $$COMP_WORDBREAKS != *=* ]]; then
    COMPREPLY=("$${COMPREPLY[@]/#/$$key=}")
  fi
}
complete -F _yolo_fine yolo-fine
