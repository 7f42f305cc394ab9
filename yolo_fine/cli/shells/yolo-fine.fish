# Completion of yolo-fine for fish, made by: yolo-fine completion fish
function __yolo_fine_subverbs
    switch $$argv[1]
$subverbs
    end
end
function __yolo_fine_keys
    switch $$argv[1]
$keys
    end
end
function __yolo_fine_values
    switch $$argv[1]
$values
    end
end
function __yolo_fine
    set -l before (commandline -opc)[2..-1]
    set -l current (commandline -ct)
    if test "$$before[1]" = help
        set before $$before[2..-1]
    end
    set -l verb "$$before[1]"
    if test -z "$$verb"
        string split ' ' -- "$verbs"
        return
    end
    set -l subverbs (__yolo_fine_subverbs $$verb)
    if test -n "$$subverbs"
        if test -z "$$before[2]"
            string split ' ' -- $$subverbs
            return
        end
        set verb "$$verb $$before[2]"
    end
    set -l key ''
    set -l start ''
    if string match -q '*=*' -- $$current
        set key (string split -m 1 = -- $$current)[1]
        set start "$$key="
    else
        string split ' ' -- (__yolo_fine_keys $$verb)
    end
    for choice in (string split ' ' -- (__yolo_fine_values "$$verb:$$key"))
        if test "$$choice" = '<files>'
            set -l part (string replace -- "$$start" '' $$current)
            for file in $$part*
                test -d $$file; and set file $$file/
                echo $$start$$file
            end
        else if test -n "$$choice"
            echo $$start$$choice
        end
    end
end
complete -c yolo-fine -f -a '(__yolo_fine)'
