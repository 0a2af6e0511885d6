using System.Runtime.InteropServices;

namespace AkkaCharging.Authorization.Acl;

/// <summary>
/// An access list: the tokens that may charge, with their stations and times. Immutable; tokens are stored hashed,
/// never in clear.
/// </summary>
/// <remarks>
/// Cost: about 55 bytes per rule, and 32 more for each distinct condition. A look-up is one SHA-256 and one probe of a
/// hash table.
/// </remarks>
internal sealed class AclRules
{
    private readonly Dictionary<TokenHash, Rule> _rules;
    private readonly AclCondition[] _conditions;

    private AclRules(Dictionary<TokenHash, Rule> rules, AclCondition[] conditions) =>
        (_rules, _conditions) = (rules, conditions);

    /// <summary>The number of tokens in the list.</summary>
    public int Count => _rules.Count;

    /// <summary>Reads a list in its CSV form.</summary>
    /// <remarks>
    /// The first line names the columns, in any order: <c>token</c>, and as wanted
    /// <c>stations,valid_from,valid_until,state</c>. Each further line is a rule with as many fields: a token in clear
    /// or <c>sha256:</c> and 64 hexadecimal digits, once per file; stations, empty or <c>*</c> for all, else UUIDs
    /// separated by <c>;</c>; from when (inclusive) until when (exclusive), RFC 3339 with offset, or empty;
    /// <c>active</c>, <c>blocked</c>, or empty for active. The last line, too, ends with a line end. Blank lines and
    /// lines that start with <c>#</c> are skipped; fields may be quoted (RFC 4180); LF, CRLF and a byte order mark are
    /// accepted.
    /// </remarks>
    /// <param name="csv">UTF-8 text in a seekable stream, which is read from start to end and left open.</param>
    /// <param name="name">The name of the source in error messages.</param>
    /// <exception cref="InvalidAclException">The text has broken lines, all of which are listed.</exception>
    public static AclRules Read(Stream csv, string name, AclTokenForm? form = null) =>
        new AclCsv(name, form ?? AclTokenForm.Default).Read(csv);

    /// <summary>
    /// Answers <paramref name="query"/> as of <paramref name="now"/>. When several reasons deny, the first of these is
    /// given: unknown token, blocked, expired, station not allowed.
    /// </summary>
    public AuthorizerAnswer Decide(AuthorizationQuery query, DateTimeOffset now) =>
        _rules.TryGetValue(TokenHash.Of(query.Identity.Uid), out var rule)
            ? _conditions[rule.Condition].Decide(query.Station.Value, now.UtcTicks)
            : AuthorizerAnswer.Deny(DenialReason.UnknownToken);

    /// <summary>
    /// A rule, which refers to its condition by index so that rules with the same condition share it.
    /// </summary>
    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Rule(int Condition, int Line);

    /// <summary>Collects rules for one list; used once.</summary>
    internal sealed class Builder
    {
        private readonly Dictionary<TokenHash, Rule> _rules = [];
        private readonly Dictionary<AclCondition, int> _indexes = [];
        private readonly List<AclCondition> _conditions = [];

        /// <summary>
        /// Adds a rule. When the token already has one, adds nothing and returns the line of the existing rule.
        /// </summary>
        public int? AddOrFindLine(TokenHash token, AclCondition condition, int line)
        {
            ref var rule = ref CollectionsMarshal.GetValueRefOrAddDefault(_rules, token, out var exists);
            if (exists)
                return rule.Line;

            ref var index = ref CollectionsMarshal.GetValueRefOrAddDefault(_indexes, condition, out var isKnown);
            if (!isKnown)
            {
                index = _conditions.Count;
                _conditions.Add(condition);
            }

            rule = new Rule(index, line);
            return null;
        }

        public AclRules Build()
        {
            _rules.TrimExcess();
            return new AclRules(_rules, [.. _conditions]);
        }
    }
}

/// <summary>The stations and times that a rule requires.</summary>
/// <param name="Stations">The sorted stations; null for all. The reader uses one array per distinct text, so comparing
/// references finds equal conditions.</param>
/// <param name="FromTicks">Start of validity in UTC, inclusive.</param>
/// <param name="UntilTicks">End of validity in UTC, exclusive.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct AclCondition(Guid[]? Stations, long FromTicks, long UntilTicks, bool IsBlocked)
{
    public AuthorizerAnswer Decide(Guid station, long nowTicks)
    {
        if (IsBlocked)
            return AuthorizerAnswer.Deny(DenialReason.Blocked);
        if (nowTicks < FromTicks || nowTicks >= UntilTicks)
            return AuthorizerAnswer.Deny(DenialReason.Expired);
        return Stations is null || Array.BinarySearch(Stations, station) >= 0
            ? AuthorizerAnswer.AllowedByList
            : AuthorizerAnswer.Deny(DenialReason.StationNotAllowed);
    }
}
