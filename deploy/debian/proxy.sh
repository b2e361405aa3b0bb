# Fills in the template as the official nginx image does: names that are set, and no others.
set -eu
names=$(env | sed -n 's/^\([A-Z_]*\)=.*/${\1}/p' | tr '\n' ' ')
envsubst "$names" </etc/nginx/templates/default.conf.template >/etc/nginx/conf.d/default.conf
exec nginx -g "daemon off;"
