#!/bin/sh
# Run by the image when the data folder is empty: for each service a database, a role that owns and migrates it, and one
# that serves and owns nothing. The passwords are this container's environment.
set -eu
for service in $SERVICES; do
    psql --set ON_ERROR_STOP=1 --username postgres --set service="$service" --set owner="${service}_owner" \
        --set password="$(printenv "${service}_password")" --set owner_password="$(printenv "${service}_owner_password")" <<'SQL'
CREATE ROLE :"owner" LOGIN BYPASSRLS PASSWORD :'owner_password';
CREATE ROLE :"service" LOGIN PASSWORD :'password';
CREATE DATABASE :"service" OWNER :"owner";
SQL
done
