#compdef yolo-fine
# Completion of yolo-fine for zsh, made by: yolo-fine completion zsh
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
  local -a before keys choices
  local verb key current=$${words[CURRENT]}
  before=("$${(@)words[2,CURRENT-1]}")
  [[ $${before[1]} == help ]] && shift before
  verb=$${before[1]}
  if [[ -z $$verb ]]; then
    compadd -- $verbs
    return
  fi
  if [[ -n $$(_yolo_fine_subverbs $$verb) ]]; then
    if [[ -z $${before[2]} ]]; then
      compadd -- $$(_yolo_fine_subverbs $$verb)
      return
    fi
    verb="$$verb $${before[2]}"
  fi
  if [[ $$current == *=* ]]; then
    key=$${current%%=*}
    compset -P '*='
  else
    keys=($$(_yolo_fine_keys $$verb))
    (( $${#keys} )) && compadd -S '' -- $$keys
  fi
  choices=($$(_yolo_fine_values "$$verb:$$key"))
  if (( $${choices[(I)<files>]} )); then
    choices=("$${(@)choices:#<files>}")
    _files
  fi
  (( $${#choices} )) && compadd -- $$choices
  return 0
}
if [[ $$funcstack[1] == _yolo-fine ]]; then
  _yolo_fine "$$@"
else
  compdef _yolo_fine yolo-fine
fi
