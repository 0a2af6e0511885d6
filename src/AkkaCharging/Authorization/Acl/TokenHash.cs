using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using AkkaCharging.Authorization.Questions;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Authorization.Acl;

/// <summary>SHA-256 of a driver token's identity in UTF-8, which rules store instead of the token.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct TokenHash(ulong A, ulong B, ulong C, ulong D)
{
    private const string Prefix = "sha256:";

    // Kept per thread: SHA256.HashData sets up an OpenSSL context for each call, 930 ns instead of 640.
    [ThreadStatic]
    private static IncrementalHash? _sha256;

    /// <param name="uid">The identifier in printable ASCII, no longer than a token.</param>
    public static TokenHash Of(string uid)
    {
        Span<byte> utf8 = stackalloc byte[DriverToken.LengthMax];
        var length = Encoding.UTF8.GetBytes(uid, utf8);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        _sha256 ??= IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        _sha256.AppendData(utf8[..length]);
        _sha256.GetHashAndReset(hash);
        return MemoryMarshal.Read<TokenHash>(hash);
    }

    /// <summary>
    /// Parses a token in clear, as callers send it or its identifier alone, or <c>sha256:</c> and 64 hexadecimal
    /// digits; null for anything else.
    /// </summary>
    public static TokenHash? TryParse(ReadOnlySpan<char> text, AclTokenForm form)
    {
        // In capitals it is no token either: where tokens may hold a colon, the rule would apply to nobody.
        if (!text.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
            return DriverToken.TryCreate(text.ToString(), form.Rules) is { } token
                ? Of(form.Reader.Read(token).Uid)
                : null;
        if (!text.StartsWith(Prefix, StringComparison.Ordinal))
            return null;

        var hex = text[Prefix.Length..];
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        return
            hex.Length == 2 * hash.Length
            && Convert.FromHexString(hex, hash, out _, out _) == System.Buffers.OperationStatus.Done
            ? MemoryMarshal.Read<TokenHash>(hash)
            : null;
    }

    /// <summary>Returns a part of the hash, which is uniform already and needs no mixing.</summary>
    public override int GetHashCode() => (int)A;
}

/// <summary>The form of the tokens in an access list.</summary>
/// <param name="Rules">The rules for tokens in clear.</param>
/// <param name="Reader">Converts tokens to the form that is looked up.</param>
internal sealed record AclTokenForm(DriverTokenRules Rules, TokenReader Reader)
{
    /// <summary>The default form, without any setting.</summary>
    public static AclTokenForm Default { get; } =
        new(DriverTokenRules.Default, new TokenReader(areTyped: false, TokenNormalization.None));

    /// <summary>
    /// Creates the form that the settings ask for. With typed tokens, a list holds their shorter identifiers.
    /// </summary>
    public static AclTokenForm Of(DriverTokenRules rules, AuthorizationSettings settings) =>
        new(
            settings.TypedTokens ? DriverTokenRules.Widest : rules,
            new TokenReader(settings.TypedTokens, settings.Normalize)
        );
}
