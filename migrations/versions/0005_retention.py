"""Retention of the log: one function deletes due rows, another gives back the disk of old weeks.

What the application may delete is decided here, as the owner: whatever date it asks for, younger rows,
CRITICAL ones and `transaction_log` stay. No setting of a session opens the books any more.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

FLOOR = """
create function log_retention_floor(of_level log_level) returns integer
language sql immutable parallel safe set search_path = public, pg_temp as $$
    select case of_level when 'INFO' then 30 when 'WARNING' then 60 when 'ERROR' then 90 end
$$;
comment on function log_retention_floor(log_level) is
    'Days that rows of a level are kept at least; null is for ever. `flask logs policy --lower` replaces it.';
"""

GUARDS = """
create or replace function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% on % refused: the audit books are append-only', tg_op, tg_table_name
        using errcode = 'insufficient_privilege';
end $$;

create function refuse_deletion() returns trigger language plpgsql as $$
declare
    calls text;
begin
    get diagnostics calls = pg_context;
    if position('delete_due_logs(log_level' in calls) = 0 then
        raise exception 'DELETE on % refused: the audit books are append-only', tg_table_name
            using errcode = 'insufficient_privilege';
    end if;
    return null;
end $$;

drop trigger append_only on log;
create trigger append_only before update on log for each row execute function refuse_change('log');
create trigger never_deleted before delete on log for each statement execute function refuse_deletion();

do $$
declare
    part regclass;
begin
    for part in select inhrelid::regclass from pg_inherits where inhparent = 'log'::regclass loop
        execute format('create trigger never_deleted before delete on %s
                        for each statement execute function refuse_deletion()', part);
    end loop;
end $$;
"""

PARTITIONS = """
create or replace function make_partitions(first timestamptz, last timestamptz) returns integer
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    spec record;
    start timestamptz;
    part text;
    made integer := 0;
begin
    perform pg_advisory_xact_lock(hashtext('callastar.make_partitions'));
    for spec in
        select * from (values ('log', 'week', '1 week'::interval, 'IYYY"w"IW'),
                              ('transaction_log', 'month', '1 month'::interval, 'YYYY"m"MM'))
            as books(book, unit, step, label)
    loop
        for start in select generate_series(date_trunc(spec.unit, first), last, spec.step) loop
            part := spec.book || '_' || to_char(start, spec.label);
            continue when to_regclass(part) is not null;
            execute format('create table %I partition of %I for values from (%L) to (%L)',
                           part, spec.book, start, start + spec.step);
            execute format('create trigger never_truncated before truncate on %I
                            for each statement execute function refuse_change(%L)', part, spec.book);
            if spec.book = 'log' then
                execute format('create trigger never_deleted before delete on %I
                                for each statement execute function refuse_deletion()', part);
            end if;
            made := made + 1;
        end loop;
    end loop;
    return made;
end $$;
"""

DELETION = """
create function delete_due_logs(
    of_level log_level, before timestamptz, after_at timestamptz, after_id bigint, most integer,
    out deleted integer, out last_at timestamptz, out last_id bigint
)
language plpgsql security definer
set search_path = public, pg_temp set timezone = 'UTC' set lock_timeout = '2s' as $$
declare
    floor_days integer := log_retention_floor(of_level);
begin
    if floor_days is null then
        raise exception '% rows are kept for ever', of_level using errcode = 'insufficient_privilege';
    end if;
    if before is null or before > clock_timestamp() - make_interval(days => floor_days) then
        raise exception '% rows younger than % days are kept', of_level, floor_days
            using errcode = 'insufficient_privilege';
    end if;
    -- Executed as text: the moments are known to the planner, which leaves the other weeks out.
    execute 'select created_at, id from log where level = $1 and created_at >= $2 and created_at < $3
                 and (created_at, id) > ($2, $4) order by created_at, id offset $5 limit 1'
        into last_at, last_id using of_level, after_at, before, after_id, least(greatest(most, 1), 5000) - 1;
    execute 'delete from log where level = $1 and created_at >= $2 and created_at < $3
                 and created_at <= $5 and (created_at, id) > ($2, $4) and (created_at, id) <= ($5, $6)'
        using of_level, after_at, before, after_id, coalesce(last_at, before), coalesce(last_id, 0);
    get diagnostics deleted = row_count;
end $$;
"""

SPACE = """
create function give_back_log_week(week timestamptz) returns text
language plpgsql security definer
set search_path = public, pg_temp set timezone = 'UTC' set lock_timeout = '100ms' as $$
declare
    start timestamptz := date_trunc('week', week);
    part text := 'log_' || to_char(date_trunc('week', week), 'IYYY"w"IW');
    rows_left bigint;
    bytes_left bigint;
    due_left boolean;
    pkey text;
begin
    if start + interval '1 week' > clock_timestamp() - make_interval(days => log_retention_floor('ERROR')) then
        raise exception 'the week of % is too young', start::date using errcode = 'insufficient_privilege';
    end if;
    perform pg_advisory_xact_lock(hashtext('callastar.give_back_log_week'));
    if not exists (select from pg_inherits where inhparent = 'log'::regclass and inhrelid = to_regclass(part)) then
        return 'absent';
    end if;
    execute format('select exists (select from %I where level < ''CRITICAL'')', part) into due_left;
    if due_left then
        return 'kept';
    end if;
    execute format('select count(*), coalesce(sum(pg_column_size(found)), 0)
                    from (select * from %I limit 5001) as found', part) into rows_left, bytes_left;
    if rows_left = 0 then
        -- The book first, as readers do: whoever reads holds it before its weeks.
        lock table only log in access exclusive mode;
        execute format('lock table %I in access exclusive mode', part);
        execute format('select count(*) from (select from %I limit 1) as found', part) into rows_left;
        if rows_left > 0 then
            return 'kept';
        end if;
        execute format('drop table %I', part);
        return 'dropped';
    end if;
    if rows_left > 5000 or pg_table_size(to_regclass(part)) <= 2 * bytes_left + 131072 then
        return 'kept';
    end if;
    select indexrelid::regclass::text into strict pkey
        from pg_index where indrelid = to_regclass(part) and indisprimary;
    execute format('cluster %I using %s', part, pkey);
    return 'rewritten';
end $$;
"""

RIGHTS = """
revoke all on function delete_due_logs(log_level, timestamptz, timestamptz, bigint, integer) from public;
revoke all on function give_back_log_week(timestamptz) from public;
grant execute on function delete_due_logs(log_level, timestamptz, timestamptz, bigint, integer) to callastar_app;
grant execute on function give_back_log_week(timestamptz) to callastar_app;
"""


def upgrade() -> None:
    """Make the functions and let them, and nothing else, past the guards."""
    op.execute("set local lock_timeout = '5s'")
    for statements in (FLOOR, GUARDS, PARTITIONS, DELETION, SPACE, RIGHTS):
        op.execute(statements)
