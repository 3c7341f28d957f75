tallyd check twice
tallyd config
tallyd config dump everything
tallyd plugins
tallyd plugins info
tallyd plugins inof x
tallyd confg dump
tallyd db stats
tallyd db --jsn status
tallyd db confirm-clock --json
tallyd db refresh 2026-01-01T00:00:00Z
tallyd once a b
tallyd once --samples 0
tallyd once --format=xml
tallyd once --format
tallyd check --json=yes
tallyd -x
tallyd help chek
tallyd help db stats
