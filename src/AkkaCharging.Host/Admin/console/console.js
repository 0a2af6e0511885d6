// The operators' console: reads the operators' API of its own origin again and again, and shows what it says.
// Everything that comes from outside goes in as text (textContent), never as markup: callers choose the names of callback hosts.

const POLL_MILLIS = 3_000;
const POLL_MILLIS_MAX = 30_000;
const ANSWER_WITHIN_MILLIS = 10_000;
const CHANGE_WITHIN_MILLIS = 30_000; // the service may count for 25 s before a bulk redrive, and then does it
const PAGE_ROWS = 25;
const CARDS_MAX = 10;
const CARDS_MAX_NARROW = 3;
const ACTIONS_MAX = 10;
const HOUR_MILLIS = 3_600_000;
const HOUR_POLL_MILLIS = 15_000;
const SAYS_LITTLE_MILLIS = 10_000; // a minute that is younger

// In memory alone: whatever is stored for an origin is there for every page of it, and through a tunnel another program may have this origin tomorrow.
let token = null;
let cursor = null; // of the page of dead letters that is shown; null for the newest
let nextCursor = null;
let filter = {}; // of the dead letters that are shown
let search = {}; // for the requests that are shown
let olderThan = null; // where the search goes on; null at its end
let settings = [];
let hasSettings = false;
let shownAt = null; // when the figures that are shown arrived
let failures = 0;
let tryAt = 0;
let timer = 0;
let hourAt = 0; // when the last hour was read
const selected = new Set(); // ids of the dead letters that are selected on this page
const held = new Map(); // by table: shows the answer that waits until the pointer and the selection leave the table
let isDemanded = false; // the operator asked for what comes next: it is shown at once
let round = 0; // a refresh that was overtaken by a newer one shows nothing
const asking = { list: 0, request: 0 }; // of the operator, likewise for each thing shown: the answer to an earlier question is dropped
let session = 0; // of an operator; what one began ends when he signs out

const at = id => document.getElementById(id);

class Refused extends Error {
    constructor(status, message) {
        super(message);
        this.status = status;
    }
}

// ---- the API

async function call(method, path, body, within = method === 'GET' ? ANSWER_WITHIN_MILLIS : CHANGE_WITHIN_MILLIS) {
    const headers = token === null ? {} : { Authorization: `Bearer ${token}` };
    if (method !== 'GET')
        headers['Content-Type'] = 'application/json';
    let answer;
    try {
        const signal = AbortSignal.timeout(within);
        answer = await fetch(path,
            { method, headers, body: body && JSON.stringify(body), cache: 'no-store', redirect: 'error', signal });
    } catch (e) {
        throw new Refused(0, e.name === 'TimeoutError'
            ? `no answer within ${within / 1_000} s`
            : 'the service cannot be reached');
    }

    const content = await answer.json().catch(() => null);
    if (answer.ok && content !== null)
        return content;
    throw new Refused(answer.status, content?.message ?? `the service answered ${answer.status}`);
}

// ---- refreshing

function refreshSoon() {
    isDemanded = true;
    clearTimeout(timer);
    refresh();
}

async function refresh() {
    const mine = ++round;
    try {
        const overview = await call('GET', '/admin/overview'); // alone, because each request counts as a guess while the token is wrong
        if (mine !== round)
            return;
        const isHourDue = Date.now() - hourAt >= HOUR_POLL_MILLIS;
        const [cluster, destinations, letters, actions, hour, config] = await Promise.all([
            orProblem('/admin/cluster'), orProblem('/admin/destinations?limit=100'), orProblem(lettersPath()),
            orProblem('/admin/actions'), isHourDue ? orProblem('/admin/history') : null, hasSettings ? null : orProblem('/admin/config')]);
        if (mine !== round)
            return;
        failures = 0;
        shownAt = Date.now();
        if (config?.settings) {
            settings = config.settings;
            hasSettings = true;
            showSettings();
        }
        showBoard();
        showOverview(overview);
        showCluster(cluster);
        showProblems(overview, destinations.destinations ?? []);
        if (hour !== null) {
            hourAt = Date.now();
            showHour(hour);
        }
        orHold('destinations', destinations.destinations, row => row.destination, () => showDestinations(destinations));
        orHold('letters', letters.deadLetters, row => row.requestId, () => showLetters(letters));
        showActions(actions);
        isDemanded = false;
    } catch (e) {
        if (mine !== round)
            return;
        if (!(e instanceof Refused))
            console.error(e);
        if (e.status === 401) {
            askForToken(token === null ? '' : e.message);
            return;
        }
        failures++;
        hasSettings = false; // it may be another process that answers next
        showStale(e.message);
    }

    const wait = Math.min(POLL_MILLIS * 2 ** Math.min(failures, 10), POLL_MILLIS_MAX);
    tryAt = Date.now() + wait;
    clearTimeout(timer);
    timer = setTimeout(() => document.hidden || refresh(), wait); // a page that nobody sees asks nothing
    tick();
}

/** One part that cannot be had, as the dead letters while the journal is away, leaves the others alone. */
function orProblem(path) {
    return call('GET', path).catch(e => {
        if (!(e instanceof Refused) || e.status === 0 || e.status === 401)
            throw e;
        return { problem: e.message };
    });
}

function lettersPath() {
    const query = new URLSearchParams({ limit: PAGE_ROWS, ...filter });
    if (cursor !== null)
        query.set('cursor', cursor);
    return `/admin/dead-letters?${query}`;
}

/** A list does not move under the hand: while the pointer is on it, or rows of it are selected, its next state waits. */
function orHold(id, rows, key, show) {
    const isHeld = !isDemanded && rows !== undefined && (at(id).matches(':hover') || (id === 'letters' && selected.size > 0));
    if (!isHeld) {
        held.delete(id);
        text(`${id}-held`, '');
        show();
        return;
    }
    held.set(id, show);
    const [before, after] = [new Set([...at(id).children].map(tr => tr.dataset.key)), new Set(rows.map(key))];
    text(`${id}-held`, `Paused while ${id === 'letters' && selected.size > 0 ? 'rows are selected' : 'the pointer is on the list'}: `
        + `${count(after.difference(before).size)} new, ${count(before.difference(after).size)} gone.`);
}

/** Shows what waited. */
function release(id) {
    if (!held.has(id) || at(id).matches(':hover') || (id === 'letters' && selected.size > 0))
        return;
    held.get(id)();
    held.delete(id);
    text(`${id}-held`, '');
}

/** Shows the newest dead letters that match the fields as they are now. */
function applyFilter() {
    cursor = null;
    selected.clear();
    const [bound, age] = at('filter-age').value.split(' ');
    filter = Object.fromEntries([
        ['destination', at('filter-destination').value.trim()],
        ['from', millisOf(at('filter-from').value)],
        ['to', millisOf(at('filter-to').value)],
        ['cause', at('filter-cause').value],
        [bound, age && String(Date.now() - age)],
    ].filter(([, value]) => value));
}

function millisOf(localTime) {
    return localTime ? String(new Date(localTime).getTime()) : '';
}

// ---- showing

function showBoard() {
    at('sign-in').hidden = true;
    at('board').hidden = false;
    at('stale').hidden = true;
    at('sign-out').hidden = token === null;
    document.body.classList.remove('stale');
}

function showStale(problem) {
    document.body.classList.add('stale');
    at('stale').hidden = false;
    text('stale-text', shownAt === null
        ? `No answer: ${problem}.`
        : `Out of date: ${problem}. Last updated at ${clock(shownAt)}.`);
}

function showOverview(overview) {
    text('version', overview.version);
    badge(at('health'), overview.health.status);
    showReceivers(overview.receivers);
    document.title = `${overview.health.status} – AkkaCharging operators`;
    text('queue', `${count(overview.pending)} of ${count(overview.capacity)}`);
    const meter = at('queue-meter');
    meter.max = overview.capacity;
    meter.high = overview.capacity * overview.degradedAbove;
    meter.value = overview.pending;
    text('oldest', overview.pending === 0 ? 'none' : duration(overview.oldestPendingMs));
    text('in-flight', `${count(overview.authorizationsInFlight)} authorizations, ${count(overview.callbacksInFlight)} callbacks`);
    rate('decisions', overview.decisions, overview.windowSeconds, 'unknown');
    rate('callbacks', overview.callbacks, overview.windowSeconds, 'failed');
    badge(at('breaker'), overview.breaker.replace('_', '-'), breakerKind(overview.breaker));
    const journal = overview.health.components.journal;
    text('journal', `${journal.details.kind}, ${journal.status === 'DOWN' ? 'away' : 'available'}`);
    text('journal-backlog', overview.backlog === 0 ? '' : `${count(overview.backlog)} to take up`);
    text('dead', overview.deadLetters === null ? 'not counted yet' : count(overview.deadLetters));
    fill('components', Object.entries(overview.health.components).map(([name, component]) => ({ name, ...component })), row => row.name, (row, tr) => {
        cell(tr, row.name);
        badge(cell(tr).appendChild(document.createElement('span')), row.status);
        cell(tr, Object.entries(row.details).map(([name, value]) => `${name}: ${value}`).join(', '));
    });
    fill('partners', overview.partners, row => row.name, (row, tr) => {
        cell(tr, row.name);
        badge(cell(tr).appendChild(document.createElement('span')), row.breaker.replace('_', '-'), breakerKind(row.breaker));
        cell(tr, count(row.inFlight), 'number');
        cell(tr, Object.entries(row.answers).map(([reason, times]) => `${reason}: ${count(times)}`).join(', ') || 'none');
        cell(tr, row.problem ?? '');
    });
    showBulk(overview.redrive);
}

function breakerKind(breaker) {
    return { closed: 'good', half_open: 'warn', open: 'bad' }[breaker];
}

/** Whether the receivers answer, which is not the service's own health. */
function showReceivers({ new: fresh, proven, silent, away }) {
    const all = fresh + proven + silent;
    at('receivers-health').hidden = all === 0;
    badge(at('receivers-health'), away > 0 ? `${count(away)} of ${count(all)} receivers away` : silent > 0 ? `${count(silent)} of ${count(all)} receivers silent` : 'receivers answer',
        away > 0 ? 'bad' : silent > 0 ? 'warn' : 'good');
}

// ---- the last hour

const perMinute = name => point => 60_000 * point[name] / Math.max(point.durationMs, SAYS_LITTLE_MILLIS);
const charts = [
    { title: 'Requests', unit: '/ min', lines: [['accepted', '', perMinute('accepted')], ['delivered', 'good dashed', perMinute('delivered')]] },
    { title: 'Not done', unit: '/ min', lines: [['rejected', 'quiet', perMinute('rejected')], ['failed', 'bad dashed', perMinute('failed')], ['expired', 'warn dotted', perMinute('expired')]] },
    { title: 'Pending', unit: '', lines: [['at its end', '', point => point.pending]] },
    { title: 'Time to accept', unit: 'ms', lines: [['p50', '', point => point.accept?.p50Ms], ['p99', 'warn dashed', point => point.accept?.p99Ms]] },
    { title: 'Time to settle', unit: 'ms', lines: [['p50', '', point => point.endToEnd?.p50Ms], ['p99', 'warn dashed', point => point.endToEnd?.p99Ms]] },
];

function showHour(answer) {
    text('hour-problem', answer.problem ?? '');
    const points = answer.points ?? [];
    if (points.length === 0)
        return;
    const end = points.at(-1).at;
    const shown = points.length > 1 && points.at(-1).durationMs < SAYS_LITTLE_MILLIS ? points.slice(0, -1) : points;
    at('charts').replaceChildren(...charts.map(chart => drawn(chart, shown, end)));
}

/** A chart, and in words what it shows. */
function drawn({ title, unit, lines }, points, end) {
    const figure = at('chart').content.firstElementChild.cloneNode(true);
    const [svg, model] = [figure.querySelector('svg'), figure.querySelector('.line')];
    const series = lines.map(([name, kind, value]) => ({ name, kind, values: points.map(point => value(point) ?? null) }));
    const top = Math.max(...series.flatMap(line => line.values).filter(value => value !== null), 0);
    const said = series.map(({ name, kind, values }) => {
        const known = values.filter(value => value !== null);
        const path = model.cloneNode();
        path.setAttribute('class', `line ${kind}`);
        path.setAttribute('d', points.map((point, i) => values[i] === null ? '' : `${i === 0 || values[i - 1] === null ? 'M' : 'L'}`
            + `${(240 * (1 - (end - point.at) / HOUR_MILLIS)).toFixed(1)} ${(59 - 56 * values[i] / (top || 1)).toFixed(1)}h0`).join(''));
        svg.append(path);
        const legend = made('span', `${name} ${values.at(-1) === null ? '–' : number(values.at(-1))}`);
        legend.className = kind;
        figure.querySelector('.legend').append(legend);
        return known.length === 0 ? `${name}: none` : `${name}: ${number(known.at(-1))} now, ${number(Math.min(...known))} to ${number(Math.max(...known))}`;
    });
    model.remove();
    figure.querySelector('.top').textContent = `up to ${number(top)}`;
    figure.querySelector('strong').textContent = `${title}${unit && ` ${unit}`}`;
    svg.setAttribute('aria-label', `${title}${unit && ` ${unit}`} in the last hour. ${said.join('; ')}.`);
    return figure;
}

function number(value) {
    return value.toLocaleString('en', { maximumSignificantDigits: 3 });
}

// ---- problems

const remedies = {
    pipeline: 'The service is stopping, or the graph of a lane fails repeatedly: the log says why.',
    queue: 'More requests are submitted than can be decided and delivered. Compare the figures below: wait in the queue, attempts, destinations.',
    authorization: 'Drivers are decided unknown. Look at the partners below and at event 1006 of the log.',
    callbacks: 'Look at the destinations below. A single receiver that does not answer has to be repaired by its owner; if there are many, check the network and the name servers of this machine.',
    journal: 'No requests are accepted. The details say whether the disk or the database is unavailable, or another process owns the journal.',
    files: 'Connections or open files are running out. Raise the file limit, or find out who keeps so many connections open.',
    acl: 'The changed list is invalid; the previous list stays in force.',
    cluster: 'A node is missing or cannot be reached: see below.',
};

/** What is wrong, since when, why, and what to do; the worst first. */
function showProblems(overview, receivers) {
    const problems = [
        ...Object.entries(overview.health.components).filter(([, component]) => component.status !== 'UP').map(([name, component]) => ({
            key: `component ${name}`, kind: component.status === 'DOWN' ? 'bad' : 'warn', what: `${name} is ${component.status}`, since: component.since,
            why: Object.entries(component.details).map(([detail, value]) => `${detail}: ${value}`).join(', '),
            remedy: name.startsWith('partner.') ? 'The details say what the partner rejects; check its settings.' : remedies[name] ?? '',
        })),
        ...receivers.filter(row => row.breaker !== 'closed').map(row => ({
            key: `receiver ${row.destination}`, kind: 'bad', what: `${row.destination} does not take callbacks`, since: row.failingSince,
            why: `${row.lastAttempt === null ? '' : `${attempt(row.lastAttempt)}. `}${count(row.failuresInARow)} failures in a row, ${count(row.pending)} requests wait.`,
            remedy: 'The callbacks are sent when the receiver answers again, or expire. Tell its owner; pause it to stop calling it; redrive failed requests afterwards.',
        })),
        ...receivers.filter(row => row.paused).map(row => ({
            key: `paused ${row.destination}`, kind: 'warn', what: `${row.destination} is paused`, since: row.pausedSince,
            why: `An operator paused it: ${count(row.pending)} requests are waiting and may expire.`, remedy: 'Resume it below.',
        })),
    ].sort((a, b) => (a.kind === 'bad' ? 0 : 1) - (b.kind === 'bad' ? 0 : 1));
    at('problems').hidden = problems.length === 0;
    const most = narrow.matches ? CARDS_MAX_NARROW : CARDS_MAX;
    const cards = problems.slice(0, most).map(problem => {
        const card = document.createElement('li');
        card.className = `card ${problem.kind}`;
        card.append(made('strong', problem.what), made('span', `since ${clock(problem.since)}`),
            made('p', problem.why), made('p', problem.remedy));
        return card;
    });
    if (problems.length > most)
        cards.push(made('li', `and ${count(problems.length - most)} more`));
    const content = JSON.stringify(cards.map(card => card.textContent));
    if (at('problem-cards').dataset.content === content)
        return; // what did not change stays, so that it can be selected
    at('problem-cards').dataset.content = content;
    at('problem-cards').replaceChildren(...cards);
}

function rate(id, figures, windowSeconds, failed) {
    text(id, figures === null ? 'no figures' : `${(figures.total / windowSeconds).toFixed(1)} / s`);
    text(`${id}-failed`, figures === null ? '' : figures.total === 0
        ? `none in the last ${windowSeconds} s`
        : `${(100 * figures.failed / figures.total).toFixed(1)} % ${failed} in the last ${windowSeconds} s`);
}

/** Nothing of it for a process that runs alone. */
function showCluster(answer) {
    at('cluster').hidden = answer.enabled === false;
    text('cluster-problem', answer.problem ?? '');
    fill('nodes', answer.nodes ?? [], row => row.address, (row, tr) => {
        cell(tr, row.address, 'code');
        badge(cell(tr).appendChild(document.createElement('span')), row.status, row.status === 'up' ? 'good' : 'warn');
        badge(cell(tr).appendChild(document.createElement('span')), row.self ? 'this one' : row.reachable ? 'reachable' : 'unreachable', row.reachable ? 'good' : 'bad');
    });
    const lanes = Map.groupBy(answer.lanes ?? [], lane => lane.holder);
    const holders = [...lanes].map(([holder, held]) => (
        { holder, here: held[0].here, lanes: held.map(lane => lane.lane), takenAt: Math.max(...held.map(lane => lane.takenAt ?? 0)) }));
    fill('holders', holders, row => row.holder ?? '', (row, tr) => {
        if (row.holder === null)
            badge(cell(tr).appendChild(document.createElement('span')), 'nobody', 'bad');
        else
            cell(tr, row.here ? `${row.holder} (this one)` : row.holder);
        cell(tr, count(row.lanes.length), 'number');
        cell(tr, spans(row.lanes));
        const taken = cell(tr);
        if (row.takenAt > 0)
            time(taken, row.takenAt);
        else
            taken.textContent = 'never';
    });
}

/** Rising numbers, those that follow each other drawn together: 0–2, 5. */
function spans(numbers) {
    const made = [];
    for (const number of numbers) {
        if (made.length > 0 && made.at(-1).to === number - 1)
            made.at(-1).to = number;
        else
            made.push({ from: number, to: number });
    }
    return made.map(({ from, to }) => from === to ? `${from}` : `${from}–${to}`).join(', ');
}

function showDestinations(answer) {
    text('destinations-problem', answer.problem ?? '');
    const rows = answer.destinations ?? [];
    at('no-destinations').hidden = rows.length > 0 || answer.problem !== undefined;
    fill('destinations', rows, row => row.destination, (row, tr) => {
        cell(tr, row.destination, 'code');
        badge(cell(tr, '', 'whole').appendChild(document.createElement('span')), row.paused ? 'paused' : row.standing,
            row.paused ? 'warn' : { proven: 'good', silent: 'warn' }[row.standing] ?? '');
        const breaker = cell(tr);
        badge(breaker.appendChild(document.createElement('span')), row.breaker.replace('_', '-'), breakerKind(row.breaker));
        breaker.append((row.nextProbeAt === null ? '' : `, next probe ${clock(row.nextProbeAt)}`));
        cell(tr, row.lastAttempt === null ? 'none' : `${attempt(row.lastAttempt)}, ${clock(row.lastAttempt.at)}`);
        cell(tr, count(row.pending), 'number');
        cell(tr, `${count(row.inFlight)} of ${count(row.inFlightMax)}`, 'number');
        cell(tr, count(row.waiting), 'number');
        cell(tr, count(row.retrying), 'number');
        cell(tr, count(row.failuresInARow), 'number');
        const action = row.paused ? 'Resume' : 'Pause';
        button(cell(tr, '', 'actions').appendChild(document.createElement('div')), action, row.destination, () =>
            change(`/admin/destinations/${action.toLowerCase()}`, { destination: row.destination }, done => `${done.destination} is ${done.status}.`, 'destinations-title'));
    });
}

/** How a callback attempt ended, in a few words. */
function attempt(last) {
    return [last.outcome, last.httpStatus ?? last.cause, `${count(last.durationMs)} ms`].filter(part => part !== null).join(', ');
}

function showLetters(answer) {
    text('letters-problem', answer.problem ?? leftOut(answer));
    at('first-page').disabled = cursor === null;
    nextCursor = answer.next ?? null;
    at('next-page').disabled = nextCursor === null;
    const rows = answer.deadLetters ?? [];
    at('no-letters').hidden = rows.length > 0 || answer.problem !== undefined;
    text('no-letters', Object.keys(filter).length > 0 ? 'No dead letters match.' : cursor === null ? 'No dead letters.' : 'No more dead letters.');
    const shown = new Set(rows.map(row => row.requestId));
    for (const id of [...selected].filter(id => !shown.has(id)))
        selected.delete(id);
    fill('letters', rows, row => row.requestId, (row, tr) => {
        const tick = cell(tr).appendChild(document.createElement('input'));
        tick.type = 'checkbox';
        tick.checked = selected.has(row.requestId);
        tick.setAttribute('aria-label', `Select ${row.requestId}`);
        tick.addEventListener('change', () => select([row.requestId], tick.checked));
        time(cell(tr), row.settledAt);
        cell(tr, row.requestId, 'code');
        cell(tr, row.destination, 'code');
        cell(tr, row.stationId, 'code');
        cell(tr, row.driverToken, 'code whole');
        cell(tr, row.status ?? 'undecided');
        cell(tr, row.lastAttempt === null ? 'none' : attempt(row.lastAttempt));
        cell(tr, count(row.attempts), 'number');
        const actions = cell(tr, '', 'actions').appendChild(document.createElement('div'));
        const path = `/admin/dead-letters/${encodeURIComponent(row.requestId)}`;
        button(actions, 'Redrive', row.requestId, async () => {
            if (await isConfirmed(`Redrive ${row.requestId}?\nIts callback is sent to ${row.destination} again, and cannot be called back.`, 'Redrive it'))
                await change(`${path}/redrive`, undefined, done => `${done.requestId} is sent again.`, 'letters-title');
        });
        actions.append(' ');
        button(actions, 'Discard', row.requestId, async () => {
            if (await isConfirmed(`Discard ${row.requestId}?\nIts driver token and callback URL are erased at once. The request can never be sent again.`, 'Discard it'))
                await change(`${path}/discard`, undefined, done => `${done.requestId} is discarded.`, 'letters-title');
        });
    });
    showSelection();
}

/** Says which rows are missing, because the journal cannot read them. */
function leftOut({ damaged = [] }) {
    return damaged.length === 0 ? '' : `${count(damaged.length)} damaged, left out: ${damaged.slice(0, 3).join(', ')}${damaged.length > 3 ? ' …' : ''}`;
}

/** Selects or unselects dead letters. */
function select(ids, isSelected) {
    ids.forEach(id => isSelected ? selected.add(id) : selected.delete(id));
    showSelection();
    release('letters');
}

function showSelection() {
    for (const box of at('letters').querySelectorAll('input'))
        box.checked = selected.has(box.closest('tr').dataset.key);
    const rows = at('letters').children.length;
    at('select-all').disabled = rows === 0;
    at('select-all').checked = rows > 0 && selected.size === rows;
    at('select-all').indeterminate = selected.size > 0 && selected.size < rows;
    for (const id of ['redrive-selected', 'discard-selected'])
        at(id).disabled = selected.size === 0;
    text('redrive-selected', selected.size === 0 ? 'Redrive selected…' : `Redrive ${count(selected.size)} selected…`);
    text('discard-selected', selected.size === 0 ? 'Discard selected…' : `Discard ${count(selected.size)} selected…`);
}

/** Redrives or discards the selected dead letters one after another, and tells what came of them. */
async function changeSelected(action, done, consequence) {
    const ids = [...selected];
    if (!await isConfirmed(`${action} ${ids.length === 1 ? ids[0] : `${count(ids.length)} dead letters`}?\n${consequence}`, `${action} ${count(ids.length)}`))
        return;
    const isMine = thisSession();
    const problems = [];
    const unknown = []; // that got no answer
    for (const id of ids) {
        try {
            await call('POST', `/admin/dead-letters/${encodeURIComponent(id)}/${action.toLowerCase()}`);
        } catch (e) {
            if (!(e instanceof Refused))
                throw e;
            if (e.status === 401 && isMine()) {
                askForToken(e.message);
                return;
            }
            (isUnknown(e) ? unknown : problems).push(`${id}: ${e.message}`);
        }
        if (!isMine())
            return;
    }
    selected.clear();
    const failed = problems.length + unknown.length;
    tell([
        `${count(ids.length - failed)} of ${count(ids.length)} ${done}.`,
        ...problems.length === 0 ? [] : [`Not done: ${problems.slice(0, 3).join(' ')}`],
        ...unknown.length === 0 ? [] : [`It is not known whether this was done: ${unknown.slice(0, 3).join('; ')}`],
    ].join(' '), failed === 0 ? 'good' : 'bad');
    isDemanded = true;
    await refresh();
    at('letters-title').focus();
}

function showActions(answer) {
    text('actions-problem', answer.problem ?? '');
    const rows = (answer.actions ?? []).slice(0, ACTIONS_MAX);
    at('no-actions').hidden = rows.length > 0 || answer.problem !== undefined;
    fill('actions', rows, row => `${row.at} ${row.action} ${row.target}`, (row, tr) => {
        time(cell(tr), row.at);
        cell(tr, row.operator);
        cell(tr, row.remote ?? '', 'code');
        cell(tr, row.action);
        cell(tr, row.target, 'code');
        badge(cell(tr).appendChild(document.createElement('span')), row.result, /^(redriven|discarded|paused|resumed|cancelled|started)/.test(row.result) ? 'good' : 'bad');
    });
}

// ---- finding requests

/** What was typed in says by its form what it is. */
function searchOf(what) {
    if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(what))
        return { station: what };
    if (/^[0-9a-f]{32}$/i.test(what))
        return { fingerprint: what };
    return /^https?:/i.test(what) ? { destination: what } : null;
}

async function find() {
    forgetQuestions();
    const what = at('find-what').value.trim();
    text('find-problem', '');
    if (/^req-/.test(what)) {
        await showRequest(what);
        return;
    }
    const typed = what === '' ? {} : searchOf(what);
    if (typed === null) {
        showFound({ problem: 'Type a request id (req-…), a station’s UUID, a token fingerprint (32 digits), or a destination: scheme, host and port.' });
        return;
    }
    search = Object.fromEntries(Object.entries({
        ...typed, state: at('find-state').value, cause: at('find-cause').value, from: millisOf(at('find-from').value), to: millisOf(at('find-to').value),
    }).filter(([, value]) => value));
    await findFrom(null);
}

async function findFrom(place) {
    const query = new URLSearchParams({ limit: PAGE_ROWS, ...search });
    if (place !== null)
        query.set('cursor', place);
    const answer = await askedNow('list', `/admin/requests?${query}`);
    if (answer !== null)
        showFound(answer);
}

/** What {@link asked} gives, or null if the operator has asked for another of its kind or signed out meanwhile. */
async function askedNow(kind, path) {
    const mine = ++asking[kind];
    const isWanted = () => mine === asking[kind];
    const answer = await asked(path, isWanted);
    return isWanted() ? answer : null;
}

function forgetQuestions() {
    asking.list++;
    asking.request++;
}

/** An answer, or the problem that there is in its place. */
async function asked(path, isWanted, within) {
    try {
        return await call('GET', path, undefined, within);
    } catch (e) {
        if (!(e instanceof Refused))
            throw e;
        if (e.status === 401 && isWanted())
            askForToken(e.message);
        return { problem: e.message };
    }
}

function showFound(answer) {
    text('find-problem', answer.problem ?? leftOut(answer));
    const rows = answer.requests ?? [];
    olderThan = answer.next ?? null;
    at('find-pages').hidden = olderThan === null;
    at('none-found').hidden = rows.length > 0 || answer.problem !== undefined;
    text('none-found', olderThan === null ? 'No request matches.' : 'None of the requests searched so far matches; there are older ones.');
    fill('found', rows, row => row.requestId, (row, tr) => {
        time(cell(tr), row.acceptedAt);
        cell(tr, row.requestId, 'code');
        badge(cell(tr).appendChild(document.createElement('span')), row.state, stateKind(row.state));
        cell(tr, decision(row));
        cell(tr, row.destination, 'code');
        cell(tr, row.stationId, 'code');
        cell(tr, row.driverToken, 'code whole');
        cell(tr, row.lastAttempt === null ? 'none' : attempt(row.lastAttempt));
        cell(tr, count(row.attempts), 'number');
        button(cell(tr, '', 'actions').appendChild(document.createElement('div')), 'Show', row.requestId, () => showRequest(row.requestId));
    });
}

function showNothingFound() {
    search = {};
    showFound({});
    at('none-found').hidden = true;
}

function stateKind(state) {
    return { delivered: 'good', failed: 'bad', expired: 'warn' }[state] ?? '';
}

function decision(row) {
    return row.status === null ? 'undecided' : `${row.status}, ${row.reason}`;
}

/** What happened to one request, and what is to come. */
async function showRequest(id) {
    const shown = await askedNow('request', `/admin/requests/${encodeURIComponent(id)}`);
    if (shown === null)
        return;
    if (shown.problem !== undefined) {
        text('find-problem', shown.problem);
        return;
    }
    const { request, timeline, party, receiver } = shown;
    text('request-title', request.requestId);
    const facts = {
        State: request.state, Decision: decision(request) + (party === null ? '' : `, by ${party}`), Destination: request.destination, Station: request.stationId,
        Driver: `${request.driverToken}, fingerprint ${request.tokenFingerprint}`, 'API key': request.apiKeyName ?? 'none',
    };
    at('request-facts').replaceChildren(...Object.entries(facts).flatMap(([name, value]) => [made('dt', name), made('dd', value)]));
    at('request-steps').replaceChildren(...timeline.map(step => {
        const item = document.createElement('li');
        time(item, step.at, 'with milliseconds');
        item.append(` ${describe(step)}`);
        return item;
    }));
    text('request-receiver', receiver === null ? '' : `Its receiver is ${receiver.paused ? 'paused' : receiver.standing}, its breaker ${receiver.breaker.replace('_', '-')}: `
        + `${count(receiver.inFlight)} of ${count(receiver.inFlightMax)} attempts in flight, ${count(receiver.waiting)} requests wait.`);
    at('request').showModal();
}

function describe(step) {
    switch (step.event) {
        case 'attempt': return `attempt: ${attempt(step.attempt)}`;
        case 'decided': return `decided, after ${count(step.durationMs)} ms`;
        case 'next_attempt': return 'next attempt, at the earliest';
        case 'expiry': return 'expires';
        default: return step.event;
    }
}

function made(tag, content) {
    const element = document.createElement(tag);
    element.textContent = content;
    return element;
}

function showBulk(redrive) {
    at('bulk').hidden = redrive === null;
    if (redrive === null)
        return;
    const which = [redrive.destination && `to ${redrive.destination}`, redrive.from && `failed from ${clock(redrive.from)}`, redrive.cause && `by ${redrive.cause}`,
        redrive.acceptedFrom && `accepted since ${clock(redrive.acceptedFrom)}`, redrive.acceptedTo && `accepted before ${clock(redrive.acceptedTo)}`].filter(Boolean).join(', ');
    text('bulk-text', `Bulk redrive, started ${clock(redrive.startedAt)}${which ? `, ${which}` : ''}: ${redrive.state}. `
        + `${count(redrive.redriven)} of ${count(redrive.matched)} redriven, ${count(redrive.passedOver)} passed over.${redrive.problem ? ` ${redrive.problem}` : ''}`);
    const isOver = redrive.endedAt !== null;
    at('bulk-progress').hidden = isOver;
    at('bulk-progress').max = Math.max(1, redrive.matched);
    at('bulk-progress').value = redrive.redriven + redrive.passedOver;
    at('bulk-cancel').hidden = isOver;
    at('bulk-cancel').disabled = redrive.state !== 'running';
}

function showSettings() {
    const part = at('settings-filter').value.trim().toLowerCase();
    fill('settings', settings.filter(row => row.path.toLowerCase().includes(part)), row => row.path, (row, tr) => {
        cell(tr, row.path, 'code');
        cell(tr, row.value === '' ? '(empty)' : row.value, 'code');
        cell(tr, row.origin);
    });
}

// ---- changing

/** Makes a change, tells what came of it, and shows how things are then. */
async function change(path, body, success, focus) {
    const isMine = thisSession();
    try {
        const done = await call('POST', path, body);
        if (!isMine())
            return;
        tell(success(done), 'good');
    } catch (e) {
        if (!(e instanceof Refused))
            throw e;
        if (!isMine())
            return;
        if (e.status === 401) {
            askForToken(e.message);
            return;
        }
        tell(`${isUnknown(e) ? 'It is not known whether this was done' : 'Not done'}: ${e.message}`, 'bad');
    }
    isDemanded = true;
    await refresh();
    if (document.activeElement === document.body)
        at(focus).focus(); // the row that had it is gone
}

/** Whether a change may have been made nevertheless: there was no answer to it, or one that broke off. */
function isUnknown({ status }) {
    return status < 300;
}

/** Gives a function that tells whether the operator of now is still signed in. */
function thisSession() {
    const mine = session;
    return () => mine === session;
}

async function redriveAll() {
    applyFilter(); // also what was not shown yet: else a filter that was only typed in would be none
    refreshSoon();
    const isMine = thisSession();
    const mine = filter; // another may be applied before the operator has answered
    const hasFilter = Object.keys(mine).length > 0;
    const which = [
        mine.destination && `to ${mine.destination}`,
        mine.from && `failed from ${clock(Number(mine.from))}`,
        mine.to && `failed before ${clock(Number(mine.to))}`,
        mine.cause && `by ${mine.cause}`,
        mine.acceptedFrom && `accepted since ${clock(Number(mine.acceptedFrom))}`,
        mine.acceptedTo && `accepted before ${clock(Number(mine.acceptedTo))}`,
    ].filter(Boolean).join(', ');
    const path = `/admin/dead-letters/preview?${new URLSearchParams(mine)}`;
    const preview = await asked(path, isMine, CHANGE_WITHIN_MILLIS);
    if (!isMine())
        return;
    if (preview.problem !== undefined || preview.matched === 0) {
        tell(preview.problem === undefined ? 'Nothing to redrive: no dead letter matches.' : `Not done: ${preview.problem}`, 'bad');
        return;
    }
    const { matched, lookedAt, causes, ages, expired } = preview;
    const question = [
        `Redrive ${count(matched)} dead letter${matched === 1 ? '' : 's'}${hasFilter ? ` ${which}` : ', to all destinations'}?`,
        ...lookedAt < matched ? [`Of the newest ${count(lookedAt)}:`] : [],
        `Cause: ${Object.entries(causes).map(([cause, times]) => `${cause} ${count(times)}`).join(', ')}.`,
        `Accepted: ${count(ages.underAnHour)} in the last hour, ${count(ages.underADay)} in the last day before it, ${count(ages.older)} earlier.`,
        `Past their time: ${count(expired)}.${expired === 0 ? '' : ' It starts again, though the driver may have left.'}`,
        'They are sent in the background, newest first, and cannot be called back.',
    ];
    if (await isConfirmed(question.join('\n'), `Redrive ${count(matched)}`))
        await change('/admin/dead-letters/redrive', { ...mine, to: String(preview.to), count: matched }, done => `A redrive of ${count(done.matched)} dead letters has started.`, 'letters-title');
}

function isConfirmed(question, yes) {
    const dialog = at('confirm');
    if (dialog.open) { // what took long to prepare comes while the operator is asked something else
        tell('Not done: another question was open. Try again.', 'bad');
        return Promise.resolve(false);
    }
    text('confirm-text', question);
    text('confirm-yes', yes);
    dialog.returnValue = '';
    dialog.showModal();
    return new Promise(resolve => dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true }));
}

function askForToken(problem) {
    round++;
    session++;
    forgetQuestions();
    clearTimeout(timer);
    token = null;
    tryAt = 0;
    for (const id of ['request', 'confirm'])
        at(id).close(); // which answers no
    at('notice').hidden = true;
    text('notice', '');
    showNothingFound();
    at('board').hidden = true;
    at('stale').hidden = true;
    at('sign-out').hidden = true;
    at('sign-in').hidden = false;
    text('sign-in-problem', problem);
    text('health', 'signed out');
    at('health').className = 'badge';
    at('receivers-health').hidden = true;
    selected.clear();
    held.clear();
    hourAt = 0;
    at('charts').replaceChildren();
    text('as-of', '');
    text('version', '');
    at('token').value = '';
    at('token').focus();
    shownAt = null;
    hasSettings = false;
    settings = [];
    for (const id of ['components', 'partners', 'nodes', 'holders', 'destinations', 'letters', 'actions', 'settings'])
        at(id).replaceChildren();
}

// ---- building

/** Makes the rows of a table those of <c>rows</c>; one that did not change stays, so that it keeps the focus and what is selected in it. */
function fill(id, rows, key, build) {
    const body = at(id);
    body.parentElement.hidden = rows.length === 0;
    const kept = new Set(rows.map(key));
    const before = new Map([...body.children].map(tr => [tr.dataset.key, tr]));
    for (const [gone, tr] of before) {
        if (!kept.has(gone))
            tr.remove();
    }
    let place = body.firstElementChild;
    for (const row of rows) {
        const content = JSON.stringify(row);
        let tr = before.get(key(row));
        if (tr?.dataset.content !== content) {
            const focused = tr?.contains(document.activeElement) ? document.activeElement.textContent : null;
            const fresh = document.createElement('tr');
            fresh.dataset.key = key(row);
            fresh.dataset.content = content;
            build(row, fresh);
            const labels = body.parentElement.tHead.rows[0].cells;
            [...fresh.cells].forEach((td, i) => { td.dataset.label = labels[i].textContent; });
            if (tr) {
                place = place === tr ? fresh : place;
                tr.replaceWith(fresh);
            }
            if (focused !== null)
                [...fresh.querySelectorAll('button')].find(other => other.textContent === focused)?.focus();
            tr = fresh;
        }
        if (tr === place)
            place = place.nextElementSibling;
        else
            body.insertBefore(tr, place);
    }
}

function cell(tr, content = '', kind = '') {
    const td = tr.insertCell();
    td.textContent = content;
    td.className = kind;
    return td;
}

function button(parent, label, subject, act) {
    const made = document.createElement('button');
    made.type = 'button';
    made.textContent = label;
    made.setAttribute('aria-label', `${label} ${subject}`);
    made.addEventListener('click', alone(act));
    parent.append(made);
}

/**
 * Acts once at a time: a second click would only be told that it is done already. The button stays enabled, because
 * a disabled one does not get the keyboard focus back when a dialog closes.
 */
function alone(act) {
    let isActing = false;
    return async () => {
        if (isActing)
            return;
        isActing = true;
        try {
            await act();
        } finally {
            isActing = false;
        }
    };
}

function badge(element, status, kind = { UP: 'good', DEGRADED: 'warn', DOWN: 'bad' }[status] ?? '') {
    if (element.textContent !== status)
        element.textContent = status;
    element.className = `badge ${kind}`;
}

function tell(message, kind) {
    at('notice').hidden = false;
    at('notice').className = `banner ${kind}`;
    text('notice', message);
}

function text(id, content) {
    if (at(id).textContent !== content)
        at(id).textContent = content; // a screen reader repeats what is set, changed or not
}

function time(parent, millis, exactness) {
    const made = document.createElement('time');
    made.dateTime = new Date(millis).toISOString();
    made.title = made.dateTime;
    made.textContent = exactness === undefined ? clock(millis) : `${clock(millis)}.${String(millis % 1_000).padStart(3, '0')}`;
    parent.append(made);
}

/** Local time, year first. */
function clock(millis) {
    const local = new Date(millis - new Date(millis).getTimezoneOffset() * 60_000);
    return local.toISOString().slice(0, 19).replace('T', ' ');
}

function duration(millis) {
    const seconds = Math.round(millis / 1_000);
    return seconds < 120 ? `${seconds} s` : seconds < 7_200 ? `${Math.floor(seconds / 60)} min ${seconds % 60} s` : `${(seconds / 3_600).toFixed(1)} h`;
}

function count(number) {
    return number.toLocaleString('en');
}

/** The ages on the page, once a second. */
function tick() {
    if (shownAt !== null)
        text('as-of', `as of ${clock(shownAt)}, ${duration(Date.now() - shownAt)} ago`);
    if (failures > 0)
        text('stale-next', `Next try in ${Math.max(0, Math.ceil((tryAt - Date.now()) / 1_000))} s.`);
}

// ---- what the operator does

at('sign-in').addEventListener('submit', e => {
    e.preventDefault();
    token = at('token').value.trim();
    at('token').value = '';
    refreshSoon();
});
at('sign-out').addEventListener('click', () => askForToken('Signed out.'));
at('try-now').addEventListener('click', refreshSoon);
at('find').addEventListener('submit', e => {
    e.preventDefault();
    find();
});
at('find').addEventListener('reset', () => {
    forgetQuestions();
    showNothingFound();
});
at('find-older').addEventListener('click', () => findFrom(olderThan));
at('filter').addEventListener('submit', e => {
    e.preventDefault();
    applyFilter();
    refreshSoon();
});
at('filter').addEventListener('reset', () => setTimeout(() => { // the fields are cleared after this event
    applyFilter();
    refreshSoon();
}));
at('next-page').addEventListener('click', () => {
    selected.clear();
    cursor = nextCursor;
    refreshSoon();
});
at('first-page').addEventListener('click', () => {
    selected.clear();
    cursor = null;
    refreshSoon();
});
at('select-all').addEventListener('change', e => select([...at('letters').children].map(tr => tr.dataset.key), e.target.checked));
at('redrive-selected').addEventListener('click', () => changeSelected('Redrive', 'are sent again', 'Their callbacks are sent again, and cannot be called back.'));
at('discard-selected').addEventListener('click', () =>
    changeSelected('Discard', 'are discarded', 'Their driver tokens and callback URLs are erased at once. The requests can never be sent again.'));
for (const id of ['destinations', 'letters'])
    at(id).addEventListener('mouseleave', () => release(id));
at('redrive-all').addEventListener('click', alone(redriveAll));
at('bulk-cancel').addEventListener('click', () => change('/admin/dead-letters/redrive/cancel', undefined, () => 'The bulk redrive is being cancelled.', 'letters-title'));
at('settings-filter').addEventListener('input', showSettings);
document.addEventListener('visibilitychange', () => {
    if (!document.hidden && at('sign-in').hidden)
        refreshSoon();
});
/** On a narrow page the lists begin folded, so that all headings are a few screens; a jump to one unfolds it. */
const narrow = matchMedia('(max-width: 60rem)');
function fold() {
    for (const details of document.querySelectorAll('.fold'))
        details.open = !narrow.matches;
}
narrow.addEventListener('change', fold);
fold();
for (const link of document.querySelectorAll('.jump a'))
    link.addEventListener('click', () => {
        const list = document.querySelector(link.hash).closest('details');
        if (list !== null)
            list.open = true;
    });
setInterval(tick, 1_000);
refresh();
