#!/bin/sh
# Run while an image is built: an environment loses its pip, and what is left is listed as CycloneDX.
#   finish_image.sh ENVIRONMENT LIST
set -eu
/bill/bin/python -m pip --python "$1/bin/python" uninstall --yes --quiet --disable-pip-version-check pip
/bill/bin/cyclonedx-py environment --output-file "$2" "$1/bin/python"
